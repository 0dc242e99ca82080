//! Arguments that do not go together.

mod const_with_error {
    use tls_core::thread_local_state;

    #[thread_local_state(const, error = std::fmt::Error)]
    struct Worker {
        #[state(init = 0)]
        jobs: u64,
    }
}

mod const_with_explicit {
    use tls_core::thread_local_state;

    #[thread_local_state(const, explicit)]
    struct Worker {
        jobs: u64,
    }
}

mod const_with_init {
    use tls_core::thread_local_state;

    fn make() -> WorkerInit {
        WorkerInit { jobs: 0 }
    }

    #[thread_local_state(const, init = make)]
    struct Worker {
        jobs: u64,
    }
}

mod init_with_explicit {
    use tls_core::thread_local_state;

    fn make() -> WorkerInit {
        WorkerInit { jobs: 0 }
    }

    #[thread_local_state(init = make, explicit)]
    struct Worker {
        jobs: u64,
    }
}

mod shared_with_init {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared, init = 0)]
        done: Counter,
    }

    fn run() {
        Worker::DONE.increment();
    }
}

mod field_default_beside_init {
    use tls_core::thread_local_state;

    #[thread_local_state(explicit)]
    struct Worker {
        #[state(default, init = 5)]
        jobs: u64,
        name: String,
    }

    fn run() {
        Worker::JOBS.set(1);
    }
}

mod field_default_of_a_shared_field {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared, default)]
        jobs: Counter,
    }

    fn run() {
        Worker::JOBS.increment();
    }
}

fn main() {}
