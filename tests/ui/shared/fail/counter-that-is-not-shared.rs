use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    done: Counter,
    #[state(shared)]
    failed: Counter,
}

fn main() {
    Worker::FAILED.increment();
}
