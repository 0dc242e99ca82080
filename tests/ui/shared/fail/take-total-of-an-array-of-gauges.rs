use tls_core::shared::Gauge;
use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    queued: [Gauge; 3],
}

fn main() {
    let _taken = Worker::QUEUED.take_total();
}
