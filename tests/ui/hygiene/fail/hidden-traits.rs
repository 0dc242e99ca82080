//! What promises something to the accessors is unsafe.

mod trait_implemented_by_hand {
    struct Worker {
        jobs: u64,
    }

    impl tls_core::ThreadLocalState for Worker {}
}

mod hidden_traits_are_unsafe {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        jobs: u64,
    }

    use tls_core::Field;
    use tls_core::__private_0_1_0::{CrossesThreads, Storage};

    impl CrossesThreads for Server {}

    impl Storage<Server> for Server {}
}

mod hidden_traits_of_shared_fields_are_unsafe {
    use tls_core::shared::Shareable;
    use tls_core::thread_local_state;

    struct Word(u64);

    impl Shareable for Word {}

    #[thread_local_state]
    struct Client {
        jobs: u64,
    }

    use tls_core::__private_0_1_0::{HasSharedFields, Local, Registry};

    impl HasSharedFields for Client {
        type __Local = Local<1>;

        fn __local() -> *const Local<1> {
            unimplemented!()
        }

        fn __registry() -> &'static Registry {
            unimplemented!()
        }
    }
}

fn main() {}
