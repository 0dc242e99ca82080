use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {
    let _worker = Worker::with_state_mut(|worker| *worker);
}
