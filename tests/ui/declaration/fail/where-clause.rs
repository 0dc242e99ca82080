use tls_core::thread_local_state;

#[thread_local_state]
struct Cache
where
    String: Clone,
{
    text: String,
}

fn main() {
    Cache::with_state(|cache| cache.text.len());
}
