use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(init = Counter::default())]
    done: Counter,
}

fn main() {}
