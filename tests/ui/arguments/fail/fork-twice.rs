use tls_core::thread_local_state;

#[thread_local_state(fork = reset, fork = keep)]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::JOBS.get();
}
