use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

impl Worker {
    const DONE: u64 = 0;
}

fn main() {}
