use tls_core::thread_local_state;

#[thread_local_state(error = std::fmt::Error, error = std::fmt::Error, explicit, explicit)]
struct Worker {
    #[state(init = 1, init = 2)]
    jobs: u64,
}

fn main() {}
