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

fn main() {
    Worker::with_state(|_| ());
}
