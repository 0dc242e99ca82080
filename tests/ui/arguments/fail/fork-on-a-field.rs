use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(fork = reset, init = 5)]
    jobs: u64,
    #[state(explicit)]
    files: u64,
}

fn main() {
    Worker::JOBS.get();
}
