use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

fn main() {
    let (sender, receiver) = std::sync::mpsc::channel::<&Counter>();
    std::thread::scope(|scope| {
        scope.spawn(move || receiver.recv().unwrap().increment());
        Worker::with_state(|worker| sender.send(&worker.done).unwrap());
    });
}
