use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: test_attributes::counter_and_then_histogram!(),
}

fn main() {}
