use tls_core::thread_local_state;

#[thread_local_state]
#[derive(zerocopy::FromZeros, zerocopy::TryFromBytes)]
struct Worker {
    is_working: bool,
}

fn main() {}
