use tls_core::thread_local_state;

#[thread_local_state]
#[derive(derive_more::PartialEq)]
struct Worker {
    jobs: u64,
}

fn main() {}
