use tls_core::{borrow, thread_local_state};

#[thread_local_state]
struct Worker {
    jobs: u64,
}

fn work() -> Result<(), Box<dyn std::error::Error>> {
    let worker = borrow!(try Worker::state());
    let jobs = borrow!(try Worker::JOBS);
    assert_eq!(worker.jobs, *jobs);
    Ok(())
}

fn main() {
    work().unwrap();
}
