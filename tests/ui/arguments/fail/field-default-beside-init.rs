use tls_core::thread_local_state;

#[thread_local_state(explicit)]
struct Worker {
    #[state(default, init = 5)]
    jobs: u64,
    name: String,
}

fn main() {
    Worker::JOBS.set(1);
}
