//! Names in the declaration that nothing has.

mod field_type_that_does_not_exist {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: Jobs,
        files: Vec<u64>,
    }

    fn run() {
        Worker::JOBS.with(|jobs| jobs.count());
    }
}

mod error_type_that_does_not_exist {
    use tls_core::thread_local_state;

    #[thread_local_state(error = DatabaseError)]
    struct Worker {
        #[state(init = open()?)]
        jobs: u64,
    }

    fn open() -> Result<u64, std::fmt::Error> {
        Ok(0)
    }

    fn run() {
        Worker::with_state(|worker| worker.jobs);
        Worker::JOBS.get();
    }
}

mod init_function_that_does_not_exist {
    use tls_core::thread_local_state;

    #[thread_local_state(init = make)]
    struct Worker {
        jobs: u64,
    }
}

mod shared_type_that_is_not_imported {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        done: Counter,
    }

    fn run() {
        Worker::DONE.increment();
    }
}

mod shared_field_by_name_in_an_initializer {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        failures: Counter,
        #[state(init = failures.get())]
        jobs: u64,
    }
}

fn main() {}
