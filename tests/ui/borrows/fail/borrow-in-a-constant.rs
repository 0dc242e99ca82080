use tls_core::{borrow, thread_local_state};

#[thread_local_state]
struct Worker {
    name: String,
}

static WORKER: &Worker = borrow!(Worker::state());

fn main() {}
