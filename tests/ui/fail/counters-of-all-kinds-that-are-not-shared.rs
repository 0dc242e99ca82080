use tls_core::{Counter, Histogram, Part, Peak, thread_local_state};

#[thread_local_state]
struct Worker {
    in_flight: tls_core::UpDown,
    queued: ::tls_core::Gauge,
    longest: Peak,
    latency: Histogram,
    by_status: [Counter; 3],
    words: Part<Vec<String>>,
}

fn main() {
    Worker::with_state(|_| ());
}
