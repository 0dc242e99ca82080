use tls_core::shared::Part;
use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    words: Part<Vec<&'static str>>,
}

fn main() {
    let text = String::from("a b");
    Worker::WORDS.with_mut(|words| words.push(&text));
}
