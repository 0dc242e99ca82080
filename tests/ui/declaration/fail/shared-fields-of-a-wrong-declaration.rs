use tls_core::{Counter, thread_local_state};

#[thread_local_state(eror = String)]
struct Worker {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    by_status: [Counter; 3],
    jobs: u64,
}

fn main() {
    Worker::DONE.increment();
    Worker::BY_STATUS.at(1).add(4);
    let _live = Worker::state().live_threads();
    let _total: Result<u64, String> =
        Worker::with_state(|worker| worker.jobs + Worker::BY_STATUS.at(0).get());
}
