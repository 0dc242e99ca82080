use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(init = "worker")]
    name: String,
    #[state(init = { let n = 1u8; n })]
    jobs: u64,
}

fn main() {}
