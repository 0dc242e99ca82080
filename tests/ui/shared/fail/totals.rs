//! Not every kind has a total, and not every total can be taken.

use tls_core::shared::{Gauge, Part, Peak, UpDown};
use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    words: Part<Vec<String>>,
    #[state(shared)]
    queued: Gauge,
    #[state(shared)]
    queued_by_kind: [Gauge; 3],
    #[state(shared)]
    longest: Peak,
    #[state(shared)]
    in_flight: UpDown,
}

fn get_of_a_part() {
    let _words = Worker::WORDS.get();
}

fn total_of_a_part() {
    let _words = Worker::WORDS.total();
}

fn per_thread_of_a_part() {
    let _words = Worker::WORDS.per_thread();
}

fn take_total_of_a_part() {
    let _words = Worker::WORDS.take_total();
}

fn take_total_of_a_gauge() {
    let _taken = Worker::QUEUED.take_total();
}

fn take_total_of_a_peak() {
    let _taken = Worker::LONGEST.take_total();
}

fn take_total_of_an_array_of_gauges() {
    let _taken = Worker::QUEUED_BY_KIND.take_total();
}

fn take_total_of_an_up_down() {
    let _taken = Worker::IN_FLIGHT.take_total();
}

fn main() {}
