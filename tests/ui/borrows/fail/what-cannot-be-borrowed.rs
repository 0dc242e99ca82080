//! What `borrow!` takes is the handle of a state or of a field.

mod borrow_of_the_struct {
    use tls_core::{borrow, borrow_mut, thread_local_state};

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        let worker = borrow!(Worker);
        let worker = borrow_mut!(Worker);
        let jobs = borrow!(Worker::jobs);
    }
}

mod borrow_of_a_shared_field {
    use tls_core::{Counter, borrow, borrow_mut, thread_local_state};

    #[thread_local_state]
    struct Server {
        jobs: u64,
        #[state(shared)]
        done: Counter,
    }

    fn run() {
        let _done = borrow!(Server::DONE);
        let _done = borrow_mut!(Server::DONE);
    }
}

mod borrow_with_try_of_what_cannot_fail {
    use tls_core::{borrow, thread_local_state};

    #[thread_local_state]
    struct Client {
        jobs: u64,
    }

    fn work() -> Result<(), Box<dyn std::error::Error>> {
        let client = borrow!(try Client::state());
        let jobs = borrow!(try Client::JOBS);
        assert_eq!(client.jobs, *jobs);
        Ok(())
    }

    fn run() {
        work().unwrap();
    }
}

mod borrow_with_try_in_a_function_that_returns_nothing {
    use tls_core::{borrow, thread_local_state};

    #[thread_local_state(error = std::num::ParseIntError)]
    struct Limits {
        #[state(init = "16".parse()?)]
        depth: u32,
    }

    fn run() {
        let limits = borrow!(try Limits::state());
        assert_eq!(limits.depth, 16);
    }
}

fn main() {}
