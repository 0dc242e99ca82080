use tls_core::thread_local_state;

#[thread_local_state(crate = ::std)]
struct Worker {
    #[state(init = 5)]
    jobs: u64,
}

fn main() {}
