use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker(
    #[cfg(any())] u64,
    #[cfg_attr(all(), state(shared))] Counter,
);

fn main() {}
