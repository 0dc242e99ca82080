use tls_core::thread_local_state;

#[thread_local_state(const, error = std::fmt::Error)]
struct Worker {
    #[state(init = 0)]
    jobs: u64,
}

fn main() {}
