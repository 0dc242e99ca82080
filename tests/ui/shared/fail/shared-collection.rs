use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    names: Vec<String>,
}

fn main() {
    let _live = Worker::state().live_threads();
}
