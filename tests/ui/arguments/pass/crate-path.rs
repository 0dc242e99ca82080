//! Where `tls_core` is found.

#![deny(warnings)]

mod reexport {
    pub use tls_core;
}

use tls_core as renamed;

#[renamed::thread_local_state(crate = crate::reexport::tls_core)]
struct Reexported {
    #[state(init = 1)]
    jobs: u64,
}

#[renamed::thread_local_state(crate = renamed)]
struct Renamed(u64);

#[reexport::tls_core::thread_local_state(crate = crate::renamed, error = std::fmt::Error)]
struct WithError {
    jobs: u64,
}

mod inner {
    #[super::renamed::thread_local_state(crate = super::renamed)]
    pub struct Inner {
        pub jobs: u64,
    }
}

fn main() {
    Reexported::with_state(|state| assert_eq!(state.jobs, 1));
    Renamed::with_state(|state| assert_eq!(state.0, 0));
    WithError::with_state(|state| assert_eq!(state.jobs, 0)).unwrap();
    inner::Inner::with_state(|state| assert_eq!(state.jobs, 0));
}
