use tls_core::thread_local_state;

#[thread_local_state]
#[derive(Clone, Copy, Debug)]
struct Worker {
    jobs: u64,
}

fn main() {}
