use tls_core::thread_local_state;

fn main() {
    let count = || {
        #[thread_local_state]
        struct Worker {
            jobs: u64,
        }

        Worker::JOBS.get()
    };
    count();
}
