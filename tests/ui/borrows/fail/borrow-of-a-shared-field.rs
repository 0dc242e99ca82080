use tls_core::{Counter, borrow, borrow_mut, thread_local_state};

#[thread_local_state]
struct Worker {
    jobs: u64,
    #[state(shared)]
    done: Counter,
}

fn main() {
    let _done = borrow!(Worker::DONE);
    let _done = borrow_mut!(Worker::DONE);
}
