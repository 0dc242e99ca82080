use tls_core::thread_local_state;

fn make() -> String {
    String::new()
}

#[thread_local_state(init = make)]
struct Worker {
    jobs: u64,
}

fn main() {}
