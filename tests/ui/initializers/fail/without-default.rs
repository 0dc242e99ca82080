//! Fields of types that have no `Default`.

mod field_without_init_and_default {
    use tls_core::thread_local_state;

    use std::fs::File;

    #[thread_local_state]
    struct Worker {
        log: File,
    }

    fn run() {
        Worker::LOG.with(|_| ());
    }
}

mod field_default_without_default {
    use std::net::TcpStream;

    use tls_core::thread_local_state;

    #[thread_local_state(explicit)]
    struct Server {
        #[state(default)]
        stream: TcpStream,
        name: String,
    }

    fn run() {
        Server::NAME.set(String::new());
    }
}

fn main() {}
