//! Structs in which there is nothing to keep.

mod no_fields {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {}

    fn run() {
        Worker::state().reset();
    }
}

mod no_tuple_fields {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker();
}

mod unit_struct {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker;

    fn run() {
        Worker::with_state(|_| ());
    }
}

fn main() {}
