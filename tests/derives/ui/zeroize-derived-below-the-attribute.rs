use tls_core::thread_local_state;

#[thread_local_state]
#[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
struct Worker {
    #[zeroize(skip)]
    jobs: u64,
}

fn main() {}
