//! What `borrow!` and `borrow_mut!` lend ends with the block.

mod borrow_that_a_struct_keeps {
    use tls_core::{borrow, thread_local_state};

    #[thread_local_state]
    struct Worker {
        name: String,
    }

    struct Job<'a> {
        name: &'a str,
    }

    fn run() {
        let mut job = Job { name: "" };
        {
            job.name = borrow!(Worker::NAME);
        }
        assert!(job.name.is_empty());
    }
}

mod borrow_that_escapes_from_a_block {
    use tls_core::{borrow, thread_local_state};

    #[thread_local_state]
    struct Server {
        name: String,
    }

    fn run() {
        let name = {
            let name = borrow!(Server::NAME);
            name.as_str()
        };
        assert!(name.is_empty());
    }
}

mod borrow_that_escapes_from_a_closure {
    use tls_core::{borrow, thread_local_state};

    #[thread_local_state]
    struct Client {
        name: String,
    }

    fn run() {
        let name = || borrow!(Client::NAME);
        assert!(name().is_empty());
    }
}

mod borrow_that_escapes_from_a_function {
    use tls_core::{borrow, borrow_mut, thread_local_state};

    #[thread_local_state]
    struct Session {
        name: String,
    }

    fn name() -> &'static str {
        borrow!(Session::NAME)
    }

    fn session() -> &'static mut Session {
        let session = borrow_mut!(Session::state());
        session
    }

    fn run() {
        assert!(name().is_empty());
        session().name.clear();
    }
}

fn main() {}
