use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

use tls_core::__private_0_1_0::MadeOncePerThreadSoUseWithState;

fn demand<T: Clone + Copy + Default>() {}

fn main() {
    demand::<MadeOncePerThreadSoUseWithState<Worker>>();
}
