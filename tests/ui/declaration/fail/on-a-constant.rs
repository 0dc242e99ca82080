use tls_core::thread_local_state;

#[thread_local_state]
const JOBS: u64 = 0;

fn main() {}
