//! Counters within something else.

mod shared_collection_of_counters {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        by_status: Vec<Counter>,
    }
}

mod shared_option_of_a_counter {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        done: Option<Counter>,
    }
}

mod shared_reference_to_a_counter {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        done: &'static Counter,
    }
}

mod shared_tuple_of_counters {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        done: (Counter, Counter),
    }
}

fn main() {}
