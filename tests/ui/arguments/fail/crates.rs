//! Where `tls_core` is not found.

mod crate_that_does_not_exist {
    use tls_core::thread_local_state;

    #[thread_local_state(crate = nowhere::tls_core, error = std::fmt::Error)]
    struct Worker {
        #[state(init = 5)]
        jobs: u64,
        #[state(init = vec![])]
        files: Vec<String>,
    }
}

mod crate_that_is_another {
    use tls_core::thread_local_state;

    #[thread_local_state(crate = ::std)]
    struct Worker {
        #[state(init = 5)]
        jobs: u64,
    }
}

fn main() {}
