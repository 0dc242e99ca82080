struct Worker {
    jobs: u64,
}

impl tls_core::ThreadLocalState for Worker {}

fn main() {}
