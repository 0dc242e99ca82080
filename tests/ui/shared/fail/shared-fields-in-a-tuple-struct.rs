use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker(u64, #[state(shared)] Counter);

fn main() {
    Worker::FIELD_1.increment();
    Worker::with_state(|worker| worker.0);
}
