use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(5)]
    jobs: u64,
    #[state(Vec::new())]
    files: Vec<String>,
}

fn main() {}
