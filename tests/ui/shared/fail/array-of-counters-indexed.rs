use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    by_status: [Counter; 3],
}

fn main() {
    Worker::BY_STATUS[0].increment();
}
