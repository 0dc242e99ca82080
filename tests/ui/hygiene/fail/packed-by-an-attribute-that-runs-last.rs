use tls_core::thread_local_state;

#[thread_local_state]
#[test_attributes::packed_in_the_end]
struct Worker {
    small: u8,
    large: u64,
}

fn main() {}
