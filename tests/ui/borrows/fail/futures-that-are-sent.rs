//! What belongs to a thread, in a future that goes to another.

mod borrow_over_an_await_of_a_future_that_is_sent {
    use tls_core::{borrow, borrow_mut, thread_local_state};

    #[thread_local_state]
    struct Worker {
        name: String,
    }

    async fn send(_name: &str) {}

    async fn work() {
        let name = borrow!(Worker::NAME);
        send(name).await;
    }

    async fn work_exclusively() {
        let worker = borrow_mut!(Worker::state());
        send(&worker.name).await;
    }

    fn assert_send<T: Send>(_: T) {}

    fn run() {
        assert_send(work());
        assert_send(work_exclusively());
    }
}

mod scope_guard_over_an_await_of_a_future_that_is_sent {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        request: u64,
    }

    async fn answer() {}

    async fn work() {
        let _guard = Server::REQUEST.scope_guard(7);
        answer().await;
    }

    fn assert_send<T: Send>(_: T) {}

    fn run() {
        assert_send(work());
    }
}

mod state_in_a_future_that_is_sent {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Client {
        jobs: u64,
    }

    fn spawn(_: impl Future + Send + 'static) {}

    async fn work(client: &Client) -> u64 {
        std::future::ready(()).await;
        client.jobs
    }

    fn run() {
        Client::with_state(|client| {
            let client: &'static Client = unsafe { &*std::ptr::from_ref(client) };
            spawn(work(client));
        });
    }
}

fn main() {}
