use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    jobs: u64,
    #[state(shared)]
    done: Counter,
}

fn main() {
    println!("{}", Worker::JOBS);
    println!("{}", Worker::DONE);
    println!("{}", Worker::state());
    let _ = Worker::JOBS.to_string();
}
