use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64 = 5,
    #[state(init = 4)]
    more: u64,
}

fn main() {
    Worker::JOBS.get();
}
