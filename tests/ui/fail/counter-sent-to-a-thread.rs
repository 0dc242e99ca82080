use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

fn main() {
    Worker::with_state(|worker| {
        let done: &'static Counter = keep(&worker.done);
        std::thread::spawn(move || done.increment());
    });
}

fn keep(_: &Counter) -> &'static Counter {
    unimplemented!()
}
