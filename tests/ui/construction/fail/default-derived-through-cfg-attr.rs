use tls_core::thread_local_state;

#[thread_local_state]
#[cfg_attr(all(), derive(Default))]
struct Worker {
    jobs: u64,
}

fn main() {}
