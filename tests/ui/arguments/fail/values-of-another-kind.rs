//! Values that are not what the argument takes.

mod argument_in_quotes {
    use tls_core::thread_local_state;

    #[thread_local_state("explicit")]
    struct Worker {
        jobs: u64,
    }
}

mod argument_with_a_value_of_another_kind {
    use tls_core::thread_local_state;

    #[thread_local_state(error = 5, init = "make", crate = 1)]
    struct Worker {
        jobs: u64,
    }
}

mod fork_in_quotes {
    use tls_core::thread_local_state;

    #[thread_local_state(fork = "reset")]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::JOBS.get();
    }
}

mod fork_with_an_unknown_value {
    use tls_core::thread_local_state;

    #[thread_local_state(fork = forget)]
    struct Worker {
        jobs: u64,
    }
}

mod init_that_is_a_call {
    use tls_core::thread_local_state;

    fn make() -> WorkerInit {
        WorkerInit { jobs: 0 }
    }

    #[thread_local_state(init = make())]
    struct Worker {
        jobs: u64,
    }
}

mod init_that_is_a_closure {
    use tls_core::thread_local_state;

    #[thread_local_state(init = || WorkerInit { jobs: 0 })]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::JOBS.get();
    }
}

fn main() {}
