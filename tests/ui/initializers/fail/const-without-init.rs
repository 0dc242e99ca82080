use tls_core::thread_local_state;

#[thread_local_state(const)]
struct Worker {
    #[state(init = 0)]
    jobs: u64,
    files: Vec<String>,
    errors: u64,
}

fn main() {
    Worker::FILES.with(|files| files.len());
}
