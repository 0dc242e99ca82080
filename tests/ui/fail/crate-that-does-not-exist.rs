use tls_core::thread_local_state;

#[thread_local_state(crate = nowhere::tls_core)]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::JOBS.get();
    Worker::with_state(|worker| worker.jobs);
}
