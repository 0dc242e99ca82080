use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(default = 5)]
    jobs: u64,
    #[state(intt = 5)]
    files: u64,
    #[state(banana = 5)]
    errors: u64,
}

fn main() {
    Worker::JOBS.set(1);
}
