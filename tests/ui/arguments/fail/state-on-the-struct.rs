use tls_core::thread_local_state;

#[thread_local_state]
#[state(init = 5)]
struct Worker {
    jobs: u64,
}

fn main() {}
