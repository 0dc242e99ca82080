use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

impl Worker {
    const JOBS: u64 = 0;
}

fn main() {}
