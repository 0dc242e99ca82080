//! A second value, written down.

mod built_in_a_constructor {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
        name: String,
    }

    impl Worker {
        fn new(name: &str) -> Self {
            Self {
                jobs: 0,
                name: name.to_owned(),
            }
        }
    }

    fn run() {
        Worker::new("first");
    }
}

mod default_implemented_by_hand {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        jobs: u64,
    }

    impl Default for Server {
        fn default() -> Self {
            Self { jobs: 0 }
        }
    }
}

mod built_with_a_literal_outside_its_module {
    mod pool {
        use tls_core::thread_local_state;

        #[thread_local_state]
        pub struct Client {
            pub jobs: u64,
        }
    }

    fn run() {
        let client = pool::Client { jobs: 0 };
        let _ = client.jobs;
    }
}

mod built_as_a_tuple_struct {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Session(u64, String);

    fn run() {
        let _session = Session(0, String::new());
    }
}

mod built_as_a_tuple_struct_outside_its_module {
    mod pool {
        use tls_core::thread_local_state;

        #[thread_local_state]
        pub struct Mailer(pub u64);
    }

    fn run() {
        let _mailer = pool::Mailer(0);
    }
}

mod shared_state_built_with_a_literal {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Crawler {
        #[state(shared)]
        done: Counter,
    }

    fn run() {
        let _make = || Crawler {};
    }
}

mod shared_state_built_with_a_literal_outside_its_module {
    mod inner {
        use tls_core::{Counter, thread_local_state};

        #[thread_local_state]
        pub struct Renderer {
            #[state(shared)]
            pub done: Counter,
        }
    }

    fn run() {
        let _make = || inner::Renderer {};
    }
}

fn main() {}
