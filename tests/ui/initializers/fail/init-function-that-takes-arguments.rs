use tls_core::thread_local_state;

fn make(jobs: u64) -> WorkerInit {
    WorkerInit { jobs }
}

#[thread_local_state(init = make)]
struct Worker {
    jobs: u64,
}

fn main() {}
