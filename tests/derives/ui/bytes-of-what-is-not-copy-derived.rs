use tls_core::thread_local_state;

#[thread_local_state]
#[derive(bytemuck::NoUninit, bytemuck::ByteEq, bytemuck::ByteHash)]
#[repr(C)]
struct Worker {
    jobs: u64,
}

fn main() {}
