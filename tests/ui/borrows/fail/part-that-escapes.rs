use tls_core::shared::Part;
use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    words: Part<Vec<String>>,
}

fn main() {
    let words: &mut Vec<String> = Worker::WORDS.with_mut(|words| words);
    words.clear();
}
