use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

fn main() {
    Worker::with_state(|worker| {
        let done = &worker.done;
        std::thread::scope(|scope| {
            scope.spawn(|| done.increment());
        });
    });
}
