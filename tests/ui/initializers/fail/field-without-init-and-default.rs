use tls_core::thread_local_state;

use std::fs::File;

#[thread_local_state]
struct Worker {
    log: File,
}

fn main() {
    Worker::LOG.with(|_| ());
}
