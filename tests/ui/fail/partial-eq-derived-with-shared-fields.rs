use tls_core::{Counter, thread_local_state};

#[thread_local_state]
#[derive(PartialEq)]
struct Worker {
    #[state(shared)]
    done: Counter,
    jobs: u64,
}

fn main() {}
