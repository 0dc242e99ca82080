use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    by_port: [Counter; 65_536],
}

fn main() {
    Worker::BY_PORT.at(443).increment();
}
