use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    name: String,
}

fn main() {
    let name = Worker::NAME.with_mut(|name| name);
    name.clear();
}
