//! Values for a state that is made without them, and none for one that needs them.

mod init_state_of_an_explicit_state {
    use tls_core::thread_local_state;

    #[thread_local_state(explicit)]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::state().init();
    }
}

mod init_with_of_a_lazy_state {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        jobs: u64,
    }

    fn run() {
        Server::state().init_with(());
    }
}

mod values_of_a_lazy_state {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Client {
        jobs: u64,
    }

    fn run() {
        Client::state().init_with(ClientInit { jobs: 1 });
    }
}

fn main() {}
