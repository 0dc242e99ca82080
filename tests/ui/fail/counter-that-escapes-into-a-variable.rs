use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

fn main() {
    let mut kept: Option<&Counter> = None;
    Worker::with_state(|worker| kept = Some(&worker.done));
    kept.unwrap().increment();
}
