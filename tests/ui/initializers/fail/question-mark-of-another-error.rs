use tls_core::thread_local_state;

#[derive(Debug)]
struct Failed;

#[thread_local_state(error = Failed)]
struct Worker {
    #[state(init = std::fs::read_to_string("jobs.txt")?)]
    jobs: String,
}

fn main() {}
