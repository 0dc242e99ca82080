use tls_core::thread_local_state;

struct Worker {
    jobs: u64,
}

#[thread_local_state]
impl Worker {
    fn count(&self) -> u64 {
        self.jobs
    }
}

fn main() {
    Worker { jobs: 0 }.count();
}
