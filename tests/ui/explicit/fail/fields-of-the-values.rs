//! The values are the fields that have no initializer.

mod init_state_with_a_missing_field {
    use tls_core::thread_local_state;

    #[thread_local_state(explicit)]
    struct Worker {
        jobs: u64,
        name: String,
    }

    fn run() {
        let _ = Worker::state().try_init_with(WorkerInit { jobs: 0 });
    }
}

mod init_state_with_a_computed_field {
    use tls_core::thread_local_state;

    #[thread_local_state(explicit)]
    struct Server {
        jobs: u64,
        #[state(init = String::new())]
        name: String,
    }

    fn run() {
        let _ = Server::state().try_init_with(ServerInit {
            jobs: 0,
            name: String::new(),
        });
    }
}

mod init_state_with_a_shared_field {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state(explicit)]
    struct Client {
        #[state(shared)]
        done: Counter,
        jobs: u64,
    }

    fn run() {
        let _made = Client::state().try_init_with(ClientInit { done: 0, jobs: 1 });
    }
}

fn main() {}
