use tls_core::thread_local_state;

#[thread_local_state]
#[repr(C, packed)]
struct Worker {
    small: u8,
    large: u64,
}

fn main() {
    Worker::with_state(|worker| worker.small);
}
