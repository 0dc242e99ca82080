use tls_core::thread_local_state;

// A number in the struct and in `WorkerInit`, a text for the handle.
#[thread_local_state(explicit)]
struct Worker {
    name: test_attributes::text_in_the_midst_of_numbers!(),
}

fn main() {
    assert!(Worker::state().try_init_with(WorkerInit { name: 1 }).is_ok());
    Worker::NAME.with(|name| name.len());
}
