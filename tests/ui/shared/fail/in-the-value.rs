//! A shared field is kept beside the value, and nothing else makes one.

use tls_core::shared::SharedField;
use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    jobs: u64,
    #[state(shared)]
    done: Counter,
}

fn shared_field_through_the_value() {
    Worker::with_state(|worker| worker.done.increment());
}

fn shared_field_added_to_through_the_value() {
    Worker::with_state_mut(|worker| worker.done += 1);
}

fn shared_field_made_by_hand() {
    let _done: SharedField<Worker, Counter> = SharedField {};
}

fn counter_made_by_hand() {
    let _counter = Counter(0);
    let _counter = Counter::new();
    let _counter = Counter::default();
}

fn main() {}
