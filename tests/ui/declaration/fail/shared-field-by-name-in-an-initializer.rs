use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    failures: Counter,
    #[state(init = failures.get())]
    jobs: u64,
}

fn main() {}
