use tls_core::thread_local_state;

#[thread_local_state]
struct Cache<const N: usize> {
    values: [u8; N],
}

fn main() {
    Cache::<4>::with_state(|cache| cache.values.len());
}
