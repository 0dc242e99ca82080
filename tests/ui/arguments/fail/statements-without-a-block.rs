use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(init = let n = 1; n + 1)]
    jobs: u64,
}

fn main() {}
