mod pool {
    use tls_core::thread_local_state;

    #[thread_local_state]
    pub struct Worker {
        jobs: u64,
    }
}

fn main() {
    pool::Worker::JOBS.get();
}
