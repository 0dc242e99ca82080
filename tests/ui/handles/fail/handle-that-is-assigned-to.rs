use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    jobs: u64,
    #[state(shared)]
    done: Counter,
}

fn main() {
    Worker::JOBS = 1;
    Worker::DONE = 1;
}
