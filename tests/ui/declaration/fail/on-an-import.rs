use tls_core::thread_local_state;

#[thread_local_state]
use std::collections::HashMap;

fn main() {}
