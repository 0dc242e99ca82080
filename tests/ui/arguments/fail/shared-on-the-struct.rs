use tls_core::{Counter, thread_local_state};

#[thread_local_state(shared)]
struct Worker {
    #[state(shared)]
    done: Counter,
}

fn main() {
    Worker::DONE.increment();
}
