use tls_core::thread_local_state;

#[thread_local_state(crate = nowhere::tls_core, error = std::fmt::Error)]
struct Worker {
    #[state(init = 5)]
    jobs: u64,
    #[state(init = vec![])]
    files: Vec<String>,
}

fn main() {}
