use tls_core::{borrow, borrow_mut, thread_local_state};

#[thread_local_state]
struct Worker {
    name: String,
}

fn name() -> &'static str {
    borrow!(Worker::NAME)
}

fn worker() -> &'static mut Worker {
    let worker = borrow_mut!(Worker::state());
    worker
}

fn main() {
    assert!(name().is_empty());
    worker().name.clear();
}
