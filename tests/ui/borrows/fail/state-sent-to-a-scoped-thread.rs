use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::with_state(|worker| {
        std::thread::scope(|scope| {
            scope.spawn(|| worker.jobs);
        });
    });
}
