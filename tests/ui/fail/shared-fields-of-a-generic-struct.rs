use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker<T> {
    #[state(shared)]
    done: Counter,
    items: Vec<T>,
}

fn main() {
    Worker::<u64>::with_state(|worker| worker.done.increment());
    let _live = Worker::<u64>::live_threads();
}
