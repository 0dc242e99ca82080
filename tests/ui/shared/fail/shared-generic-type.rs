use tls_core::thread_local_state;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    words: Arc<Mutex<HashMap<String, u64>>>,
}

fn main() {}
