use tls_core::thread_local_state;

#[thread_local_state]
mod pool {}

fn main() {}
