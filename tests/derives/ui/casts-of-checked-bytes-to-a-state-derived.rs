use tls_core::thread_local_state;

#[thread_local_state]
#[derive(bytemuck::AnyBitPattern, bytemuck::CheckedBitPattern)]
#[repr(C)]
struct Worker {
    jobs: u64,
}

fn main() {}
