use tls_core::thread_local_state;

use std::time::Instant;

#[thread_local_state]
struct Worker {
    #[state(init = Instant::now())]
    started: Instant,
}

fn main() {
    let _started = Worker::STARTED.take();
}
