use tls_core::thread_local_state;

#[thread_local_state]
struct Context {
    request: u64,
}

async fn answer() {}

async fn work() {
    let _guard = Context::REQUEST.scope_guard(7);
    answer().await;
}

fn assert_send<T: Send>(_: T) {}

fn main() {
    assert_send(work());
}
