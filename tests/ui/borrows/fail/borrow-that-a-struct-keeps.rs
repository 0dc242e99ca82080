use tls_core::{borrow, thread_local_state};

#[thread_local_state]
struct Worker {
    name: String,
}

struct Job<'a> {
    name: &'a str,
}

fn main() {
    let mut job = Job { name: "" };
    {
        job.name = borrow!(Worker::NAME);
    }
    assert!(job.name.is_empty());
}
