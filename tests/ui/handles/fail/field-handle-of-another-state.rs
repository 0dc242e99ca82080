use tls_core::thread_local_state;

use tls_core::Field;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

#[thread_local_state]
struct Other {
    jobs: u64,
}

const HANDLE: Field<Worker, u64> = Other::JOBS;

fn main() {
    HANDLE.get();
}
