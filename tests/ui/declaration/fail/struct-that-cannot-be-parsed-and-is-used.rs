use tls_core::{Counter, thread_local_state};

#[thread_local_state]
pub struct Worker {
    #[state(init = 5)]
    jobs u64,
    name: String,
    #[state(shared)]
    done: Counter,
    last
}

fn main() {
    Worker::JOBS.set(1);
    Worker::NAME.with(|name| name.len());
    Worker::DONE.increment();
    Worker::with_state_mut(|worker| worker.jobs += 1);
    Worker::state().reset();
}
