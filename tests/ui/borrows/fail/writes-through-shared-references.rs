//! What is lent to be read.

mod write_through_a_shared_reference {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::with_state(|worker| worker.jobs += 1);
    }
}

mod write_in_with_of_a_handle {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        jobs: u64,
    }

    fn run() {
        Server::JOBS.with(|jobs| *jobs += 1);
    }
}

fn main() {}
