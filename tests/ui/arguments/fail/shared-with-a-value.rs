use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared = true)]
    done: Counter,
    #[state(shared(Counter))]
    failed: Counter,
}

fn main() {
    Worker::DONE.increment();
}
