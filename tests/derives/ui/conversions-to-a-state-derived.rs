use tls_core::thread_local_state;

#[thread_local_state]
#[derive(derive_more::From, derive_more::FromStr, derive_more::Into)]
struct Worker(u64);

fn main() {}
