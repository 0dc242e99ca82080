use tls_core::thread_local_state;

fn job() -> Option<u64> {
    None
}

#[thread_local_state]
struct Worker {
    #[state(init = vec![job()?, 2])]
    jobs: Vec<u64>,
    #[state(init = format!("{}", job()?))]
    name: String,
}

fn main() {}
