//! Structs that cannot have shared fields, and what has no effect on these.

mod shared_fields_in_a_tuple_struct {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker(u64, #[state(shared)] Counter);

    fn run() {
        Worker::FIELD_1.increment();
        Worker::with_state(|worker| worker.0);
    }
}

mod shared_fields_in_a_tuple_struct_under_cfg {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker(
        #[cfg(any())] u64,
        #[cfg_attr(all(), state(shared))] Counter,
    );
}

mod repr_c_beside_shared_fields {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    #[repr(C, align(16))]
    struct Worker {
        #[state(shared)]
        done: Counter,
        jobs: u64,
    }

    #[repr(C)]
    #[thread_local_state]
    struct Above {
        #[state(shared)]
        done: Counter,
        jobs: u64,
    }

    #[thread_local_state]
    #[cfg_attr(all(), repr(C))]
    struct Conditional {
        #[cfg_attr(all(), state(shared))]
        done: Counter,
        jobs: u64,
    }

    fn run() {
        Worker::DONE.increment();
        Conditional::with_state(|conditional| conditional.jobs);
    }
}

mod attribute_of_a_derive_on_a_shared_field {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    #[derive(serde::Serialize)]
    struct Worker {
        #[state(shared)]
        #[serde(skip)]
        done: Counter,
        #[cfg_attr(all(), state(shared), serde(skip))]
        failed: Counter,
        #[serde(rename = "count")]
        jobs: u64,
    }

    fn run() {
        Worker::DONE.increment();
        Worker::FAILED.increment();
    }
}

fn main() {}
