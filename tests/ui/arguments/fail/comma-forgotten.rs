use tls_core::thread_local_state;

#[thread_local_state(error = std::fmt::Error explicit)]
struct Worker {
    jobs: u64,
}

fn main() {}
