use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

fn main() {
    Worker::DONE.increment();
}
