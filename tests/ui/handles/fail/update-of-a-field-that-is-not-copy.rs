use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    name: String,
}

fn main() {
    Worker::NAME.update(|name| name + "!");
}
