//! What the attribute adds, where something has the name already.

mod state_that_is_taken {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    impl Worker {
        fn state() -> u64 {
            0
        }
    }
}

mod handle_of_a_name_that_is_taken {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        jobs: u64,
    }

    impl Server {
        const JOBS: u64 = 0;
    }
}

mod shared_handle_of_a_name_that_is_taken {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Client {
        #[state(shared)]
        done: Counter,
    }

    impl Client {
        const DONE: u64 = 0;
    }
}

fn main() {}
