use tls_core::shared::Peak;
use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    longest: Peak,
}

fn main() {
    let _taken = Worker::LONGEST.take_total();
}
