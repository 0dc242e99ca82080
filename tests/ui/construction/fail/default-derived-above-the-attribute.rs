use tls_core::thread_local_state;

#[derive(Default)]
#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {}
