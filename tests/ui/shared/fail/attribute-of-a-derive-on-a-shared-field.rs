use tls_core::{Counter, thread_local_state};

#[thread_local_state]
#[derive(serde::Serialize)]
struct Worker {
    #[state(shared)]
    #[serde(skip)]
    done: Counter,
    #[cfg_attr(all(), state(shared), serde(skip))]
    failed: Counter,
    #[serde(rename = "count")]
    jobs: u64,
}

fn main() {
    Worker::DONE.increment();
    Worker::FAILED.increment();
}
