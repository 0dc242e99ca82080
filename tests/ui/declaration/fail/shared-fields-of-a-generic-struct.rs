use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker<T> {
    #[state(shared)]
    done: Counter,
    items: Vec<T>,
}

fn main() {
    Worker::<u64>::with_state(|worker| worker.items.len());
    Worker::<u64>::DONE.increment();
    let _total: u64 = Worker::<u64>::DONE.total();
    let _live = Worker::<u64>::state().live_threads();
}
