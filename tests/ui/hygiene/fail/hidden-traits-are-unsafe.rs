use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

use tls_core::Field;
use tls_core::__private_0_1_0::{CrossesThreads, Storage};

impl CrossesThreads for Worker {}

impl Storage<Worker> for Worker {}

fn main() {}
