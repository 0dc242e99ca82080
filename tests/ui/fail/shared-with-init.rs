use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared, init = 0)]
    jobs: u64,
}

fn main() {}
