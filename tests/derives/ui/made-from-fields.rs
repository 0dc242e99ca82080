//! Derives that make a value from its fields.

mod builder_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(bon::Builder)]
    #[builder(on(String, into))]
    struct Worker {
        #[builder(default)]
        jobs: u64,
    }
}

mod constructor_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(derive_more::Constructor)]
    struct Worker {
        jobs: u64,
    }
}

mod conversions_to_a_state_derived {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(derive_more::From, derive_more::FromStr, derive_more::Into)]
    struct Worker(u64);
}

fn main() {}
