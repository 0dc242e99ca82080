use std::net::TcpStream;

use tls_core::thread_local_state;

#[thread_local_state(explicit)]
struct Worker {
    #[state(default)]
    stream: TcpStream,
    name: String,
}

fn main() {
    Worker::NAME.set(String::new());
}
