//! A second value, asked for.

mod obtained_through_new {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        let _worker = Worker::new();
    }
}

mod obtained_through_clone {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        jobs: u64,
    }

    fn run() {
        let _copy = Server::with_state(|server| server.clone());
    }
}

mod obtained_through_take {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Client {
        jobs: u64,
    }

    fn run() {
        let _taken = Client::with_state_mut(|client| std::mem::take(client));
    }
}

mod obtained_through_the_default_trait {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Session {
        jobs: u64,
    }

    fn run() {
        let _session: Session = Default::default();
    }
}

fn main() {}
