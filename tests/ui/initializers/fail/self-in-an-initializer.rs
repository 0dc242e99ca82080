use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(init = vec![1, 2])]
    jobs: Vec<u64>,
    #[state(init = self.jobs.len())]
    count: usize,
}

fn main() {}
