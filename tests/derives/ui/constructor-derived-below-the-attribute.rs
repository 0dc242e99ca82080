use tls_core::thread_local_state;

#[thread_local_state]
#[derive(derive_more::Constructor)]
struct Worker {
    jobs: u64,
}

fn main() {}
