use tls_core::thread_local_state;

#[thread_local_state]
#[derive_where::derive_where(Debug)]
#[derive_where::derive_where(Hash)]
struct Worker {
    #[derive_where(skip)]
    jobs: u64,
}

fn main() {}
