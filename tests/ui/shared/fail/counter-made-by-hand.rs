use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

fn main() {
    let _counter = Counter(0);
    let _counter = Counter::new();
    let _counter = Counter::default();
}
