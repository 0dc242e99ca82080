use tls_core::shared::Part;
use tls_core::thread_local_state;

use std::rc::Rc;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    words: Part<Rc<u64>>,
}

fn main() {}
