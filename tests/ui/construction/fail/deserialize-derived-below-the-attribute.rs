use tls_core::thread_local_state;

#[thread_local_state]
#[derive(serde::Deserialize)]
struct Worker {
    #[serde(default)]
    jobs: u64,
}

fn main() {}
