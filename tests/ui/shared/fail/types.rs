//! Types that cannot be shared.

mod shared_with_a_type_that_is_not {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        jobs: u64,
    }

    fn run() {
        Worker::with_state(|_| ());
    }
}

mod shared_atomic {
    use tls_core::thread_local_state;

    use std::sync::atomic::AtomicU64;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        done: AtomicU64,
    }
}

mod shared_array_of_numbers {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        by_status: [u64; 4],
    }
}

mod shared_array_in_an_array_of_numbers {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        by_status: [[u64; 4]; 2],
    }
}

mod shared_collection {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        names: Vec<String>,
    }

    fn run() {
        let _live = Worker::state().live_threads();
    }
}

mod shared_generic_type {
    use tls_core::thread_local_state;

    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        words: Arc<Mutex<HashMap<String, u64>>>,
    }
}

mod shared_reference {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        name: &'static str,
    }
}

fn main() {}
