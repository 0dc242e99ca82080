use tls_core::{Counter, thread_local_state};

#[thread_local_state]
#[derive(Debug)]
struct Worker {
    #[init = 5]
    jobs: u64,
    #[init(Vec::with_capacity(64))]
    scratch: Vec<u8>,
    #[shared]
    done: Counter,
}

fn main() {
    Worker::JOBS.get();
    Worker::SCRATCH.with(|scratch| scratch.len());
    Worker::DONE.increment();
}
