use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: test_attributes::counter_and_then_histogram!(),
}

const DONE: tls_core::shared::SharedField<Worker, tls_core::Histogram> = Worker::DONE;

fn main() {
    DONE.record(1);
}
