mod pool {
    use tls_core::thread_local_state;

    #[thread_local_state]
    pub struct Worker {
        pub jobs: u64,
    }
}

fn main() {
    let worker = pool::Worker { jobs: 0 };
    let _ = worker.jobs;
}
