use tls_core::thread_local_state;

struct Pool;

impl Pool {
    fn count(&self) -> u64 {
        #[thread_local_state]
        struct Worker {
            jobs: u64,
        }

        Worker::JOBS.get()
    }
}

fn main() {
    Pool.count();
}
