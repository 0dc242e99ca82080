use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    name: String,
}

async fn send(_name: &str) {}

async fn work() {
    Worker::with_state(async |worker| {
        send(&worker.name).await;
    })
    .await;
}

fn main() {
    drop(work());
}
