use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn count() -> u64 {
    let worker = Worker { jobs: 0 };
    worker.jobs
}

fn main() {
    count();
}
