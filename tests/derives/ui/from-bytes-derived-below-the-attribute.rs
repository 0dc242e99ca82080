use tls_core::thread_local_state;

#[thread_local_state]
#[derive(zerocopy::FromBytes, zerocopy::KnownLayout, zerocopy::Immutable)]
#[repr(C)]
struct Worker {
    jobs: u64,
}

fn main() {}
