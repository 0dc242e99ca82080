use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
    name: String,
}

impl Worker {
    fn new(name: &str) -> Self {
        Self {
            jobs: 0,
            name: name.to_owned(),
        }
    }
}

fn main() {
    Worker::new("first");
}
