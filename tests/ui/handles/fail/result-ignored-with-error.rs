#![deny(unused_must_use)]

use tls_core::thread_local_state;

#[thread_local_state(error = std::fmt::Error)]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::with_state_mut(|worker| worker.jobs += 1);
}
