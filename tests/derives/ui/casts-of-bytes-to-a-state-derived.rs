use tls_core::thread_local_state;

#[thread_local_state]
#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C)]
struct Worker {
    jobs: u64,
}

fn main() {}
