//! `?` where the state has no error type.

mod question_mark_without_error {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(init = std::fs::read_to_string("jobs.txt")?)]
        jobs: String,
    }

    fn run() {
        Worker::with_state(|worker| worker.jobs.len());
    }
}

mod question_mark_without_error_in_macros {
    use tls_core::thread_local_state;

    fn job() -> Option<u64> {
        None
    }

    #[thread_local_state]
    struct Worker {
        #[state(init = vec![job()?, 2])]
        jobs: Vec<u64>,
        #[state(init = format!("{}", job()?))]
        name: String,
    }
}

fn main() {}
