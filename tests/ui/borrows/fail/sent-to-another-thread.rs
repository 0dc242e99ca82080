//! A value belongs to its thread.

mod state_sent_to_a_thread {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::with_state(|worker| {
            let worker: &'static Worker = unsafe { &*(worker as *const Worker) };
            std::thread::spawn(move || worker.jobs);
        });
    }
}

mod state_sent_to_a_scoped_thread {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        jobs: u64,
    }

    fn run() {
        Server::with_state(|server| {
            std::thread::scope(|scope| {
                scope.spawn(|| server.jobs);
            });
        });
    }
}

mod exclusive_state_sent_to_a_scoped_thread {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Client {
        jobs: u64,
    }

    fn run() {
        Client::with_state_mut(|client| {
            std::thread::scope(|scope| {
                scope.spawn(move || client.jobs += 1);
            });
        });
    }
}

mod state_in_a_static {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Session {
        jobs: u64,
    }

    static SESSION: std::sync::Mutex<Option<Session>> = std::sync::Mutex::new(None);
}

mod borrow_in_a_constant {
    use tls_core::{borrow, thread_local_state};

    #[thread_local_state]
    struct Mailer {
        name: String,
    }

    static MAILER: &Mailer = borrow!(Mailer::state());
}

fn main() {}
