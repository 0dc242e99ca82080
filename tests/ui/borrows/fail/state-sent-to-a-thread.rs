use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::with_state(|worker| {
        let worker: &'static Worker = unsafe { &*(worker as *const Worker) };
        std::thread::spawn(move || worker.jobs);
    });
}
