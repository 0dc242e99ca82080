use tls_core::thread_local_state;

#[thread_local_state]
pub fn count() -> u64 {
    0
}

fn main() {}
