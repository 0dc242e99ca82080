use tls_core::thread_local_state;

#[thread_local_state(init = || WorkerInit { jobs: 0 })]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::JOBS.get();
}
