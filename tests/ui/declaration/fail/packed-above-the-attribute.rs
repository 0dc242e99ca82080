use tls_core::thread_local_state;

#[repr(packed(2))]
#[thread_local_state]
struct Worker {
    small: u8,
    large: u64,
}

fn main() {}
