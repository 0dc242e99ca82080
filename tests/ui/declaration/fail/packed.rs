//! The accessors hand out references to the fields.

mod packed {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[repr(C, packed)]
    struct Worker {
        small: u8,
        large: u64,
    }

    fn run() {
        Worker::with_state(|worker| worker.small);
    }
}

mod packed_above_the_attribute {
    use tls_core::thread_local_state;

    #[repr(packed(2))]
    #[thread_local_state]
    struct Worker {
        small: u8,
        large: u64,
    }
}

mod packed_through_cfg_attr {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[cfg_attr(all(), repr(packed))]
    struct Worker {
        small: u8,
        large: u64,
    }
}

mod packed_by_an_attribute_below {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[test_attributes::packed]
    struct Worker {
        small: u8,
        large: u64,
    }
}

mod repr_packed_beside_shared_fields {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    #[repr(C, packed)]
    struct Worker {
        #[state(shared)]
        done: Counter,
        jobs: u64,
    }

    fn run() {
        Worker::DONE.increment();
    }
}

fn main() {}
