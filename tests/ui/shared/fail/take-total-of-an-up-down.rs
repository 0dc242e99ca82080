use tls_core::shared::UpDown;
use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    in_flight: UpDown,
}

fn main() {
    let _taken = Worker::IN_FLIGHT.take_total();
}
