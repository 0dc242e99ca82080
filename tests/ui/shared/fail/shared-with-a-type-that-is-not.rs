use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    jobs: u64,
}

fn main() {
    Worker::with_state(|_| ());
}
