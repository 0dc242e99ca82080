use tls_core::thread_local_state;

#[thread_local_state]
#[allow(non_snake_case)]
struct Worker {
    jobs: u64,
    Jobs: u64,
    JOBS: u64,
}

fn main() {
    Worker::JOBS.get();
}
