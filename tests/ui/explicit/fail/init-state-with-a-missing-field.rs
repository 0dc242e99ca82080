use tls_core::thread_local_state;

#[thread_local_state(explicit)]
struct Worker {
    jobs: u64,
    name: String,
}

fn main() {
    let _ = Worker::state().try_init_with(WorkerInit { jobs: 0 });
}
