use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(init = failures.get())]
    jobs: u64,
    #[state(shared)]
    failures: Counter,
}

fn main() {}
