use tls_core::thread_local_state;

// Nothing is ever written to the hidden field.
#[thread_local_state]
#[test_attributes::string_in_the_end]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::with_state(|worker| {
        worker.__this_struct_is_made_once_per_thread_so_use_with_state.len()
    });
}
