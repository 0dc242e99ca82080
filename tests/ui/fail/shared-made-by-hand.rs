use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

use tls_core::Shared;

fn main() {
    let _done: Shared<Worker, Counter, 0> = Shared {};
}
