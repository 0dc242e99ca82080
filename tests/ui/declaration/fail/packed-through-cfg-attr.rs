use tls_core::thread_local_state;

#[thread_local_state]
#[cfg_attr(all(), repr(packed))]
struct Worker {
    small: u8,
    large: u64,
}

fn main() {}
