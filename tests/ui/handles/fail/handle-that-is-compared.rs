use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    jobs: u64,
    #[state(shared)]
    done: Counter,
}

fn main() {
    assert_eq!(Worker::JOBS, 1);
    assert!(Worker::DONE != 1);
}
