use tls_core::thread_local_state;

#[thread_local_state]
#[derive(Debug, thiserror::Error)]
#[error("after {jobs} jobs")]
struct Worker {
    jobs: u64,
    #[source]
    last: std::fmt::Error,
}

fn main() {}
