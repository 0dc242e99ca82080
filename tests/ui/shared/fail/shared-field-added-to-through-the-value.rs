use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    jobs: u64,
    #[state(shared)]
    done: Counter,
}

fn main() {
    Worker::with_state_mut(|worker| worker.done += 1);
}
