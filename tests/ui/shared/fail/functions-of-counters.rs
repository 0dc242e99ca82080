//! A counter only counts.

use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

fn decrement_of_a_counter() {
    Worker::DONE.decrement();
}

fn negative_number_on_a_counter() {
    Worker::DONE.add(-1);
}

fn set_of_a_counter() {
    Worker::DONE.set(5);
}

fn update_of_a_counter() {
    Worker::DONE.update(|done| done + 1);
}

fn with_of_a_counter() {
    Worker::DONE.with(|done| done.increment());
}

fn with_mut_of_a_counter() {
    Worker::DONE.with_mut(|done| *done += 1);
}

fn take_parts_of_a_counter() {
    let _parts = Worker::DONE.take_parts();
}

fn main() {}
