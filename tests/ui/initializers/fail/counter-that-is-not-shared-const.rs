use tls_core::{Counter, thread_local_state};

#[thread_local_state(const)]
struct Worker {
    done: Counter,
}

fn main() {}
