use tls_core::shared::Part;
use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    words: Part<Vec<String>>,
}

fn main() {
    let _words = Worker::WORDS.total();
}
