//! Declared in what is called.

mod declared_in_a_method {
    use tls_core::thread_local_state;

    struct Pool;

    impl Pool {
        fn count(&self) -> u64 {
            #[thread_local_state]
            struct Worker {
                jobs: u64,
            }

            Worker::JOBS.get()
        }
    }

    fn run() {
        Pool.count();
    }
}

mod declared_in_a_trait_method {
    use tls_core::thread_local_state;

    trait Count {
        fn count(&self) -> u64 {
            #[thread_local_state]
            struct Worker {
                jobs: u64,
            }

            Worker::JOBS.get()
        }
    }

    impl Count for u8 {}

    fn run() {
        0.count();
    }
}

mod declared_in_a_generic_function {
    use tls_core::thread_local_state;

    fn count<T>(_: T) -> u64 {
        #[thread_local_state]
        struct Worker {
            jobs: u64,
        }

        Worker::JOBS.get()
    }

    fn run() {
        count(1);
        count("one");
    }
}

mod declared_in_an_async_function {
    use tls_core::thread_local_state;

    async fn count() -> u64 {
        #[thread_local_state]
        struct Worker {
            jobs: u64,
        }

        Worker::JOBS.get()
    }

    fn run() {
        drop(count());
    }
}

mod declared_in_a_closure {
    use tls_core::thread_local_state;

    fn run() {
        let count = || {
            #[thread_local_state]
            struct Worker {
                jobs: u64,
            }

            Worker::JOBS.get()
        };
        count();
    }
}

mod declared_in_a_function_beside_one_of_the_same_name {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        #[thread_local_state]
        struct Worker {
            jobs: u64,
        }

        Worker::JOBS.get();
    }
}

mod shared_fields_declared_in_a_function {
    use tls_core::{Counter, thread_local_state};

    fn run() {
        #[thread_local_state]
        struct Worker {
            #[state(shared)]
            done: Counter,
        }

        Worker::DONE.increment();
        let _live = Worker::state().live_threads();
    }
}

fn main() {}
