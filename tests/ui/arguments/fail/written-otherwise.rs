//! What is meant is clear, and is written otherwise.

mod state_with_an_equals_sign {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state = 5]
        jobs: u64,
    }
}

mod state_with_a_bare_expression {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(5)]
        jobs: u64,
        #[state(Vec::new())]
        files: Vec<String>,
    }
}

mod init_in_place_of_state {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    #[derive(Debug)]
    struct Worker {
        #[init = 5]
        jobs: u64,
        #[init(Vec::with_capacity(64))]
        scratch: Vec<u8>,
        #[shared]
        done: Counter,
    }

    fn run() {
        Worker::JOBS.get();
        Worker::SCRATCH.with(|scratch| scratch.len());
        Worker::DONE.increment();
    }
}

mod comma_forgotten {
    use tls_core::thread_local_state;

    #[thread_local_state(error = std::fmt::Error explicit)]
    struct Worker {
        jobs: u64,
    }
}

mod statements_without_a_block {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(init = let n = 1; n + 1)]
        jobs: u64,
    }
}

fn main() {}
