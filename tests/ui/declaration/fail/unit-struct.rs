use tls_core::thread_local_state;

#[thread_local_state]
struct Worker;

fn main() {
    Worker::with_state(|_| ());
}
