//! The hidden field, written down and left out.

mod hidden_field_is_neither_copy_nor_default {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    use tls_core::__private_0_1_0::MadeOncePerThreadSoUseWithState;

    fn demand<T: Clone + Copy + Default>() {}

    fn run() {
        demand::<MadeOncePerThreadSoUseWithState<Worker>>();
    }
}

mod derive_applied_by_hand {
    use tls_core as __tls_core_for_Server;

    // The second step of the attribute without the third: no hidden field.
    #[derive(tls_core::__private_0_1_0::ThreadLocalStateExpand)]
    struct Server {
        jobs: u64,
    }

    fn run() {
        let _server = Server { jobs: 1 };
    }
}

fn main() {}
