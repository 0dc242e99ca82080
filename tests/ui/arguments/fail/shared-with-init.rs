use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared, init = 0)]
    done: Counter,
}

fn main() {
    Worker::DONE.increment();
}
