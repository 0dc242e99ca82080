use tls_core::{Counter, thread_local_state};

#[thread_local_state(explicit)]
struct Worker {
    #[state(shared)]
    done: Counter,
    jobs: u64,
}

fn main() {
    let _made = Worker::state().try_init_with(WorkerInit { done: 0, jobs: 1 });
}
