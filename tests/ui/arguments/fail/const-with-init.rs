use tls_core::thread_local_state;

fn make() -> WorkerInit {
    WorkerInit { jobs: 0 }
}

#[thread_local_state(const, init = make)]
struct Worker {
    jobs: u64,
}

fn main() {}
