use tls_core::thread_local_state;

#[thread_local_state]
#[derive(bytemuck::Zeroable)]
struct Worker {
    jobs: u64,
}

fn main() {}
