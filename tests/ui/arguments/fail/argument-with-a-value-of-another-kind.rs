use tls_core::thread_local_state;

#[thread_local_state(error = 5, init = "make", crate = 1)]
struct Worker {
    jobs: u64,
}

fn main() {}
