use tls_core::thread_local_state;

fn main() {
    for _ in 0..2 {
        match true {
            _ => {
                #[thread_local_state]
                struct Worker {
                    jobs: u64,
                }

                Worker::JOBS.get();
            }
        }
    }
}
