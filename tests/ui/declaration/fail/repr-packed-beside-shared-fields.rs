use tls_core::{Counter, thread_local_state};

#[thread_local_state]
#[repr(C, packed)]
struct Worker {
    #[state(shared)]
    done: Counter,
    jobs: u64,
}

fn main() {
    Worker::DONE.increment();
}
