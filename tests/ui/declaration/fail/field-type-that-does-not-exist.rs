use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: Jobs,
    files: Vec<u64>,
}

fn main() {
    Worker::JOBS.with(|jobs| jobs.count());
}
