use tls_core::thread_local_state;

async fn count() -> u64 {
    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    Worker::JOBS.get()
}

fn main() {
    drop(count());
}
