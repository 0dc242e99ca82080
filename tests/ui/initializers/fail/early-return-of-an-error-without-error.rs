use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(init = { if false { return Err(std::fmt::Error); } 5 })]
    jobs: u64,
}

fn main() {}
