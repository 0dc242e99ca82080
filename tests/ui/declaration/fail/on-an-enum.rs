use tls_core::thread_local_state;

#[thread_local_state]
enum Mode {
    Fast,
    Slow(u64),
}

fn main() {}
