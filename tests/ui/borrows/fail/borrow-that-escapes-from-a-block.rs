use tls_core::{borrow, thread_local_state};

#[thread_local_state]
struct Worker {
    name: String,
}

fn main() {
    let name = {
        let name = borrow!(Worker::NAME);
        name.as_str()
    };
    assert!(name.is_empty());
}
