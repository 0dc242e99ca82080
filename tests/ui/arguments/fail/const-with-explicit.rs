use tls_core::thread_local_state;

#[thread_local_state(const, explicit)]
struct Worker {
    jobs: u64,
}

fn main() {}
