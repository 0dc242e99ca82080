use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {
    let _taken = Worker::with_state_mut(|worker| std::mem::take(worker));
}
