use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn spawn(_: impl Future + Send + 'static) {}

async fn work(worker: &Worker) -> u64 {
    std::future::ready(()).await;
    worker.jobs
}

fn main() {
    Worker::with_state(|worker| {
        let worker: &'static Worker = unsafe { &*std::ptr::from_ref(worker) };
        spawn(work(worker));
    });
}
