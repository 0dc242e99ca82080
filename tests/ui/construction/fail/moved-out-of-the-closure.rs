use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    name: String,
}

fn main() {
    let _name = Worker::with_state_mut(|worker| worker.name);
}
