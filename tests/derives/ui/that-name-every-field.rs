//! Derives whose code names every field.

mod derive_where_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive_where::derive_where(Debug)]
    #[derive_where::derive_where(Hash)]
    struct Worker {
        #[derive_where(skip)]
        jobs: u64,
    }
}

mod partial_eq_of_another_crate_derived {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(derive_more::PartialEq)]
    struct Worker {
        jobs: u64,
    }
}

mod zeroize_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
    struct Worker {
        #[zeroize(skip)]
        jobs: u64,
    }
}

mod error_of_thiserror_derived {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(Debug, thiserror::Error)]
    #[error("after {jobs} jobs")]
    struct Worker {
        jobs: u64,
        #[source]
        last: std::fmt::Error,
    }
}

fn main() {}
