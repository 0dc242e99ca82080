use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    name: String,
}

async fn send(_name: &str) {}

async fn work() {
    Worker::with_state(|worker| {
        send(&worker.name).await;
    });
}

fn main() {
    drop(work());
}
