use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state]
    jobs: u64,
    #[state()]
    files: u64,
}

fn main() {}
