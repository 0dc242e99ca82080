//! An element of an array and the snapshot of a histogram are values of their own.

use tls_core::{Counter, Histogram, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    by_status: [Counter; 3],
    #[state(shared)]
    time: Histogram,
}

fn at_of_a_single_counter() {
    Worker::DONE.at(0).increment();
}

fn array_of_counters_without_at() {
    Worker::BY_STATUS.increment();
}

fn array_of_counters_indexed() {
    Worker::BY_STATUS[0].increment();
}

fn quantile_of_a_histogram_handle() {
    let _ = Worker::TIME.quantile(0.5);
    let _ = Worker::TIME.count();
}

fn main() {}
