use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    name: &str,
    names: Vec<(u64, &'static str, &mut [u8])>,
    #[state(init = |name| name.len())]
    length: fn(&str) -> usize,
}

fn main() {
    Worker::NAME.with(|name| name.len());
}
