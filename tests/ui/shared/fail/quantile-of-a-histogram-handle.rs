use tls_core::{Histogram, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    time: Histogram,
}

fn main() {
    let _ = Worker::TIME.quantile(0.5);
    let _ = Worker::TIME.count();
}
