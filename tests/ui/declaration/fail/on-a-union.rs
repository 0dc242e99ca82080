use tls_core::thread_local_state;

#[thread_local_state]
union Bits {
    float: f32,
    integer: u32,
}

fn main() {}
