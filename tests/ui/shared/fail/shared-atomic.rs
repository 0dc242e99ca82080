use tls_core::thread_local_state;

use std::sync::atomic::AtomicU64;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: AtomicU64,
}

fn main() {}
