//! Fields whose handles would have the same name.

mod handles_that_collide {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[allow(non_snake_case)]
    struct Worker {
        jobs: u64,
        Jobs: u64,
        JOBS: u64,
    }

    fn run() {
        Worker::JOBS.get();
    }
}

mod handles_of_a_shared_and_a_plain_field_that_collide {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        done: Counter,
        #[expect(non_snake_case, reason = "that is what is tested")]
        Done: u64,
        #[state(shared)]
        #[expect(non_snake_case, reason = "that is what is tested")]
        DONE: Counter,
    }
}

fn main() {}
