use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
    jobs: u64,
}

fn main() {
    Worker::with_state(|worker| worker.done.increment());
}
