//! What is lent to a closure ends with it.

mod reference_that_escapes {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        name: String,
    }

    fn run() {
        let name: &str = Worker::with_state(|worker| worker.name.as_str());
        println!("{name}");
    }
}

mod reference_that_escapes_from_a_handle {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        name: String,
    }

    fn run() {
        let name = Server::NAME.with_mut(|name| name);
        name.clear();
    }
}

mod reference_that_escapes_into_a_variable {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Client {
        name: String,
    }

    fn run() {
        let mut kept = None;
        Client::with_state(|client| kept = Some(client));
        println!("{}", kept.unwrap().name);
    }
}

mod part_that_escapes {
    use tls_core::shared::Part;
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Session {
        #[state(shared)]
        words: Part<Vec<String>>,
    }

    fn run() {
        let words: &mut Vec<String> = Session::WORDS.with_mut(|words| words);
        words.clear();
    }
}

mod borrow_that_a_future_keeps {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Mailer {
        name: String,
    }

    async fn send(_name: &str) {}

    async fn work() {
        Mailer::with_state(async |mailer| {
            send(&mailer.name).await;
        })
        .await;
    }

    fn run() {
        drop(work());
    }
}

fn main() {}
