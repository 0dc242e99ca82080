//! What may be given once.

mod repeated_argument {
    use tls_core::thread_local_state;

    #[thread_local_state(error = std::fmt::Error, error = std::fmt::Error, explicit, explicit)]
    struct Worker {
        #[state(init = 1, init = 2)]
        jobs: u64,
    }
}

mod fork_twice {
    use tls_core::thread_local_state;

    #[thread_local_state(fork = reset, fork = keep)]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::JOBS.get();
    }
}

mod shared_twice {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared, shared)]
        done: Counter,
    }

    fn run() {
        Worker::DONE.increment();
    }
}

mod state_given_twice {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(init = 1)]
        #[state(shared)]
        jobs: u64,
    }
}

mod attribute_given_twice {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[thread_local_state(explicit)]
    struct Worker {
        jobs: u64,
    }
}

fn main() {}
