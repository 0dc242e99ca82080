use tls_core::{borrow, borrow_mut, thread_local_state};

#[thread_local_state]
struct Worker {
    name: String,
}

async fn send(_name: &str) {}

async fn work() {
    let name = borrow!(Worker::NAME);
    send(name).await;
}

async fn work_exclusively() {
    let worker = borrow_mut!(Worker::state());
    send(&worker.name).await;
}

fn assert_send<T: Send>(_: T) {}

fn main() {
    assert_send(work());
    assert_send(work_exclusively());
}
