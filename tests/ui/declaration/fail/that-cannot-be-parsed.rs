//! What the compiler cannot read.

mod struct_that_cannot_be_parsed {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        pub #[state(init = 5)] jobs: u64,
    }

    fn run() {
        Worker::JOBS.set(1);
        Worker::with_state(|worker| worker.jobs);
    }
}

mod struct_that_cannot_be_parsed_and_is_used {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    pub struct Worker {
        #[state(init = 5)]
        jobs u64,
        name: String,
        #[state(shared)]
        done: Counter,
        last
    }

    fn run() {
        Worker::JOBS.set(1);
        Worker::NAME.with(|name| name.len());
        Worker::DONE.increment();
        Worker::with_state_mut(|worker| worker.jobs += 1);
        Worker::state().reset();
    }
}

fn main() {}
