use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    by_status: [[u64; 4]; 2],
}

fn main() {}
