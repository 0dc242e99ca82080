use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

static WORKER: std::sync::Mutex<Option<Worker>> = std::sync::Mutex::new(None);

fn main() {}
