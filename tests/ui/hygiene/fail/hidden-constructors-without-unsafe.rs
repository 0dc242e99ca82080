use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
}

use tls_core::{Field, ThreadLocalState};
use tls_core::__private_0_1_0::{MadeOncePerThreadSoUseWithState, Slot};

fn main() {
    let _handle: Field<Worker, u64> = Field::__new(0, 0);
    let _slot: Slot<<Worker as ThreadLocalState>::__Storage> = Slot::new::<Worker>();
    let _hidden = MadeOncePerThreadSoUseWithState::<Worker>::new();
}
