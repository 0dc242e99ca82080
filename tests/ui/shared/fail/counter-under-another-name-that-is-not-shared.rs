use tls_core::{Counter, thread_local_state};

type Count = Counter;

#[thread_local_state]
struct Worker {
    done: Count,
}

fn main() {}
