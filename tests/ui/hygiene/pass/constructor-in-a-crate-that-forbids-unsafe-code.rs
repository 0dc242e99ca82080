// What runs before `main` stands in the expansion, and needs an attribute that is unsafe.
#![forbid(unsafe_code)]
#![deny(warnings)]

use tls_core::{Counter, thread_local_state};

#[thread_local_state(fork = reset)]
struct Connection {
    jobs: u64,
}

#[thread_local_state]
struct Server {
    #[state(shared)]
    requests: Counter,
}

// Both, and two states in one module.
#[thread_local_state(fork = reset)]
struct Worker {
    #[state(shared)]
    done: Counter,
    jobs: u64,
}

fn main() {
    Connection::JOBS.update(|jobs| jobs + 1);
    assert_eq!(Connection::JOBS.get(), 1);
    Server::REQUESTS.increment();
    Worker::JOBS.set(2);
    Worker::DONE.add(Worker::JOBS.get());
    assert_eq!(Server::REQUESTS.total() + Worker::DONE.total(), 3);
}
