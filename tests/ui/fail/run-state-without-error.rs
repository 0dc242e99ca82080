use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {
    let _: Result<u64, std::fmt::Error> = Worker::run_state(|worker| Ok(worker.jobs));
}
