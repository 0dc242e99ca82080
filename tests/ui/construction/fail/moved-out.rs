//! The value, or a part of it, taken away.

mod built_from_the_rest_of_another {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::with_state(|worker| {
            let _second = Worker { jobs: 1, ..*worker };
        });
    }
}

mod moved_out_of_the_closure {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        name: String,
    }

    fn run() {
        let _name = Server::with_state_mut(|server| server.name);
    }
}

mod moved_out_whole {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Client {
        jobs: u64,
    }

    fn run() {
        let _client = Client::with_state_mut(|client| *client);
    }
}

fn main() {}
