//! Handles that there are not, or not here.

mod unknown_field {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::FILES.get();
    }
}

mod handle_of_a_private_field {
    mod pool {
        use tls_core::thread_local_state;

        #[thread_local_state]
        pub struct Server {
            jobs: u64,
        }
    }

    fn run() {
        pool::Server::JOBS.get();
    }
}

mod field_handle_of_another_state {
    use tls_core::thread_local_state;

    use tls_core::Field;

    #[thread_local_state]
    struct Client {
        jobs: u64,
    }

    #[thread_local_state]
    struct Poller {
        jobs: u64,
    }

    const HANDLE: Field<Client, u64> = Poller::JOBS;

    fn run() {
        HANDLE.get();
    }
}

mod live_threads_without_shared_fields {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Session {
        jobs: u64,
    }

    fn run() {
        let _live = Session::state().live_threads();
    }
}

fn main() {}
