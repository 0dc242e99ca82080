use tls_core::{Counter, thread_local_state};

fn main() {
    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        done: Counter,
    }

    Worker::DONE.increment();
    let _live = Worker::state().live_threads();
}
