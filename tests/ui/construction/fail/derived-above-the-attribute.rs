//! Derives that would make a second value, expanded before the attribute.

mod clone_derived_above_the_attribute {
    use tls_core::thread_local_state;

    #[derive(Clone)]
    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }
}

mod copy_derived_above_the_attribute {
    use tls_core::thread_local_state;

    #[derive(Clone, Copy)]
    #[thread_local_state]
    struct Server {
        jobs: u64,
    }
}

mod default_derived_above_the_attribute {
    use tls_core::thread_local_state;

    #[derive(Default)]
    #[thread_local_state]
    struct Client {
        jobs: u64,
    }
}

mod deserialize_derived_above_the_attribute {
    use tls_core::thread_local_state;

    #[derive(serde::Deserialize)]
    #[thread_local_state]
    struct Session {
        jobs: u64,
    }
}

fn main() {}
