use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    pub #[state(init = 5)] jobs: u64,
}

fn main() {
    Worker::JOBS.set(1);
    Worker::with_state(|worker| worker.jobs);
}
