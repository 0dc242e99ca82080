use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

impl Default for Worker {
    fn default() -> Self {
        Self { jobs: 0 }
    }
}

fn main() {}
