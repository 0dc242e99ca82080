use tls_core::thread_local_state;

#[thread_local_state(explicit = true, in_function(false))]
struct Worker {
    jobs: u64,
}

fn main() {}
