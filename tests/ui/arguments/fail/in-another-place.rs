//! Arguments of the whole struct on a field, and the other way round.

mod fork_on_a_field {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(fork = reset, init = 5)]
        jobs: u64,
        #[state(explicit)]
        files: u64,
    }

    fn run() {
        Worker::JOBS.get();
    }
}

mod shared_on_the_struct {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state(shared)]
    struct Worker {
        #[state(shared)]
        done: Counter,
    }

    fn run() {
        Worker::DONE.increment();
    }
}

mod state_on_the_struct {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[state(init = 5)]
    struct Worker {
        jobs: u64,
    }
}

fn main() {}
