use tls_core::thread_local_state;

#[thread_local_state]
#[derive(bytemuck::TransparentWrapper)]
#[transparent(u64)]
#[repr(transparent)]
struct Worker {
    jobs: u64,
}

fn main() {}
