use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(init = self.default_jobs())]
    jobs: Vec<u64>,
}

fn main() {}
