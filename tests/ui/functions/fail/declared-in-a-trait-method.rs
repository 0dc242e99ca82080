use tls_core::thread_local_state;

trait Count {
    fn count(&self) -> u64 {
        #[thread_local_state]
        struct Worker {
            jobs: u64,
        }

        Worker::JOBS.get()
    }
}

impl Count for u8 {}

fn main() {
    0.count();
}
