use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(init = 1)]
    #[state(shared)]
    jobs: u64,
}

fn main() {}
