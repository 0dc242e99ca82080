use tls_core::thread_local_state;

#[thread_local_state]
#[derive(derive_more::AddAssign, derive_more::MulAssign)]
#[mul_assign(forward)]
struct Worker {
    jobs: u64,
}

fn main() {}
