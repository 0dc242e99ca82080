use tls_core::thread_local_state;

#[thread_local_state]
struct Cache<'a> {
    text: &'a str,
}

fn main() {
    Cache::with_state(|cache| cache.text.len());
}
