//! Arguments that need a value, or have none.

mod argument_without_its_value {
    use tls_core::thread_local_state;

    #[thread_local_state(error, init, crate =, fork)]
    struct Worker {
        #[state(init)]
        jobs: u64,
        #[state(init =)]
        files: u64,
    }
}

mod fork_without_a_value {
    use tls_core::thread_local_state;

    #[thread_local_state(fork)]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::JOBS.get();
    }
}

mod state_that_says_nothing {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state]
        jobs: u64,
        #[state()]
        files: u64,
    }
}

mod flag_with_a_value {
    use tls_core::thread_local_state;

    #[thread_local_state(explicit = true, in_function(false))]
    struct Worker {
        jobs: u64,
    }
}

mod shared_with_a_value {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared = true)]
        done: Counter,
        #[state(shared(Counter))]
        failed: Counter,
    }

    fn run() {
        Worker::DONE.increment();
    }
}

mod field_default_with_a_value {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(default = 5)]
        jobs: u64,
    }

    fn run() {
        Worker::JOBS.set(1);
    }
}

fn main() {}
