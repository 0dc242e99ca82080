use tls_core::thread_local_state;

#[thread_local_state]
async fn count() -> u64 {
    0
}

fn main() {}
