use tls_core::thread_local_state;

#[thread_local_state]
type Jobs = u64;

fn main() {}
