use tls_core::{borrow, borrow_mut, thread_local_state};

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn main() {
    let worker = borrow!(Worker);
    let worker = borrow_mut!(Worker);
    let jobs = borrow!(Worker::jobs);
}
