use tls_core::thread_local_state;

fn count() -> u64 {
    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    Worker::JOBS.update(|jobs| jobs + 1);
    Worker::JOBS.get()
}

fn main() {
    count();
}
