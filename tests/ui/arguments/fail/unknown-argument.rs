use tls_core::thread_local_state;

#[thread_local_state(banana)]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::JOBS.set(1);
}
