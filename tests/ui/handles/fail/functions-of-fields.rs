//! What a field's type does not allow.

use std::time::Instant;

use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    jobs: u64,
    name: String,
    #[state(init = Instant::now())]
    started: Instant,
}

fn get_of_a_field_that_is_not_copy() {
    let _name = Worker::NAME.get();
}

fn update_of_a_field_that_is_not_copy() {
    Worker::NAME.update(|name| name + "!");
}

fn take_of_a_field_without_default() {
    let _started = Worker::STARTED.take();
}

fn set_of_another_type() {
    Worker::JOBS.set("one");
}

fn update_by_reference() {
    Worker::JOBS.update(|jobs| *jobs += 1);
}

fn update_with_an_assignment() {
    Worker::JOBS.update(|jobs| jobs += 1);
}

fn main() {}
