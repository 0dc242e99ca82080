use tls_core::thread_local_state;

// Nothing would fill the field.
#[thread_local_state]
#[test_attributes::field_in_the_end]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::with_state(|worker| worker.extra.len());
}
