use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(init = std::fs::read_to_string("jobs.txt")?)]
    jobs: String,
}

fn main() {
    Worker::with_state(|worker| worker.jobs.len());
}
