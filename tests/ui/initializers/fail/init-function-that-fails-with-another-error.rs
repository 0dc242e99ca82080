use tls_core::thread_local_state;

fn make() -> Result<WorkerInit, std::fmt::Error> {
    Ok(WorkerInit { jobs: 0 })
}

#[thread_local_state(init = make, error = std::io::Error)]
struct Worker {
    jobs: u64,
}

fn main() {}
