use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    by_status: Vec<Counter>,
}

fn main() {}
