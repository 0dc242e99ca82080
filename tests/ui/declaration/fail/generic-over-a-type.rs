use tls_core::thread_local_state;

#[thread_local_state]
struct Cache<T> {
    values: Vec<T>,
}

fn main() {
    Cache::<u8>::with_state(|cache| cache.values.len());
    Cache::<String>::with_state_mut(|cache| cache.values.clear());
}
