use tls_core::shared::Part;
use tls_core::thread_local_state;

use std::time::Instant;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    started: Part<Instant>,
}

fn main() {}
