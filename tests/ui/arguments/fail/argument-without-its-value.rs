use tls_core::thread_local_state;

#[thread_local_state(error, init, crate =, fork)]
struct Worker {
    #[state(init)]
    jobs: u64,
    #[state(init =)]
    files: u64,
}

fn main() {}
