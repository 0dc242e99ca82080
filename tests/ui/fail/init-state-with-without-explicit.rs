use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {
    let _ = Worker::init_state_with(WorkerInit { jobs: 0 });
}
