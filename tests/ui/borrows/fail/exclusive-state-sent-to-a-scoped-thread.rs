use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::with_state_mut(|worker| {
        std::thread::scope(|scope| {
            scope.spawn(move || worker.jobs += 1);
        });
    });
}
