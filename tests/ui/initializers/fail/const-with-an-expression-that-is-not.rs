use tls_core::thread_local_state;

#[thread_local_state(const)]
struct Worker {
    #[state(init = String::from("worker"))]
    name: String,
}

fn main() {}
