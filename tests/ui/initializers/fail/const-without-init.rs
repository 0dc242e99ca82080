//! A constant has no `Default`.

mod const_without_init {
    use tls_core::thread_local_state;

    #[thread_local_state(const)]
    struct Worker {
        #[state(init = 0)]
        jobs: u64,
        files: Vec<String>,
        errors: u64,
    }

    fn run() {
        Worker::FILES.with(|files| files.len());
    }
}

mod counter_that_is_not_shared_const {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state(const)]
    struct Worker {
        done: Counter,
    }
}

fn main() {}
