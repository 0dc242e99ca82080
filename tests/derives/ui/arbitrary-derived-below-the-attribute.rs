use tls_core::thread_local_state;

#[thread_local_state]
#[derive(Debug, arbitrary::Arbitrary)]
struct Worker {
    #[arbitrary(default)]
    jobs: u64,
}

fn main() {}
