//! A handle is not the value.

use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    jobs: u64,
    #[state(shared)]
    done: Counter,
}

fn field_name_in_place_of_the_handle() {
    Worker::jobs.set(1);
    Worker::done.increment();
}

fn handle_that_is_added_to() {
    Worker::JOBS += 1;
    Worker::DONE += 1;
}

fn handle_that_is_assigned_to() {
    Worker::JOBS = 1;
    Worker::DONE = 1;
}

fn handle_that_is_compared() {
    assert_eq!(Worker::JOBS, 1);
    assert!(Worker::DONE != 1);
}

fn handle_that_is_printed() {
    println!("{}", Worker::JOBS);
    println!("{}", Worker::DONE);
    println!("{}", Worker::state());
    let _ = Worker::JOBS.to_string();
}

fn main() {}
