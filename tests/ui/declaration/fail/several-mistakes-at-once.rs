use tls_core::thread_local_state;

#[thread_local_state(explict, error)]
#[derive(Clone)]
struct Worker {
    #[state(inti = 1)]
    jobs: u64,
    #[state(init = 1, init = 2)]
    files: u64,
    #[state(init = self.jobs)]
    errors: u64,
    FILES: u64,
}

fn main() {
    Worker::with_state(|worker| worker.jobs);
    Worker::JOBS.get();
}
