use tls_core::thread_local_state;

#[thread_local_state(fork = "reset")]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::JOBS.get();
}
