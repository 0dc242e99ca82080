use tls_core::thread_local_state;

#[derive(Clone)]
#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {}
