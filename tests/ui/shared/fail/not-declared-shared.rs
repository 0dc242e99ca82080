//! Counters in fields that are not shared.

mod counter_that_is_not_shared {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        done: Counter,
        #[state(shared)]
        failed: Counter,
    }

    fn run() {
        Worker::FAILED.increment();
    }
}

mod counter_under_another_name_that_is_not_shared {
    use tls_core::{Counter, thread_local_state};

    type Count = Counter;

    #[thread_local_state]
    struct Worker {
        done: Count,
    }
}

mod counter_that_is_not_shared_with_init {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(init = Counter::default())]
        done: Counter,
    }
}

mod counters_of_all_kinds_that_are_not_shared {
    use tls_core::shared::{Part, Peak};
    use tls_core::{Counter, Histogram, thread_local_state};

    #[thread_local_state]
    struct Worker {
        in_flight: tls_core::shared::UpDown,
        queued: ::tls_core::shared::Gauge,
        longest: Peak,
        latency: Histogram,
        by_status: [Counter; 3],
        words: Part<Vec<String>>,
    }

    fn run() {
        Worker::with_state(|_| ());
    }
}

fn main() {}
