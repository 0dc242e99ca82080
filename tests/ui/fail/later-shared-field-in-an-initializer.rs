use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(init = done.get())]
    jobs: u64,
    #[state(shared)]
    done: Counter,
}

fn main() {}
