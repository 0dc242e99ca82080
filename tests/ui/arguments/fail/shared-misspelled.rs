use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(share)]
    done: Counter,
    #[state(counter)]
    failed: Counter,
}

fn main() {
    Worker::DONE.increment();
}
