//! The attribute on what holds no data.

mod on_a_function {
    use tls_core::thread_local_state;

    #[thread_local_state]
    pub fn count() -> u64 {
        0
    }
}

mod on_an_async_function {
    use tls_core::thread_local_state;

    #[thread_local_state]
    async fn count() -> u64 {
        0
    }
}

mod on_a_module {
    use tls_core::thread_local_state;

    #[thread_local_state]
    mod pool {}
}

mod on_a_trait {
    use tls_core::thread_local_state;

    #[thread_local_state]
    trait Count {
        fn count(&self);
    }
}

mod on_an_impl {
    use tls_core::thread_local_state;

    struct Worker {
        jobs: u64,
    }

    #[thread_local_state]
    impl Worker {
        fn count(&self) -> u64 {
            self.jobs
        }
    }

    fn run() {
        Worker { jobs: 0 }.count();
    }
}

mod on_an_import {
    use tls_core::thread_local_state;

    #[thread_local_state]
    use std::collections::HashMap;
}

fn main() {}
