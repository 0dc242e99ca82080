//! Arguments that there are not.

mod unknown_argument {
    use tls_core::thread_local_state;

    #[thread_local_state(banana)]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::JOBS.set(1);
    }
}

mod unknown_argument_with_a_likely_one {
    use tls_core::thread_local_state;

    #[thread_local_state(eror = std::io::Error)]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::with_state(|worker| worker.jobs);
    }
}

mod unknown_argument_of_a_field {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(default = 5)]
        jobs: u64,
        #[state(intt = 5)]
        files: u64,
        #[state(banana = 5)]
        errors: u64,
    }

    fn run() {
        Worker::JOBS.set(1);
    }
}

mod shared_misspelled {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(share)]
        done: Counter,
        #[state(counter)]
        failed: Counter,
    }

    fn run() {
        Worker::DONE.increment();
    }
}

mod reset_without_fork {
    use tls_core::thread_local_state;

    #[thread_local_state(reset)]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::JOBS.get();
    }
}

fn main() {}
