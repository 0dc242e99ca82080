//! What is private stays private, and nothing of ours makes a warning.

#![deny(warnings)]

use tls_core::thread_local_state;

/// The field is read by nobody.
#[thread_local_state]
struct Unused {
    jobs: u64,
}

mod outer {
    use tls_core::thread_local_state;

    #[thread_local_state]
    pub struct Public {
        pub jobs: u64,
        pub(crate) files: u64,
        errors: u64,
    }

    #[thread_local_state]
    pub(crate) struct InCrate {
        pub jobs: u64,
    }

    pub mod inner {
        use tls_core::thread_local_state;

        #[thread_local_state]
        pub(super) struct InSuper {
            pub(super) jobs: u64,
        }

        #[thread_local_state]
        pub(in crate::outer) struct InOuter(pub(in crate::outer) u64, pub(super) u8);

        #[thread_local_state]
        pub(self) struct InSelf {
            jobs: u64,
        }

        pub fn touch() -> u64 {
            InSelf::JOBS.set(1);
            InSelf::with_state(|state| state.jobs)
        }
    }

    pub fn touch() -> u64 {
        inner::InSuper::JOBS.set(1);
        inner::InOuter::FIELD_0.set(2);
        inner::InOuter::FIELD_1.set(3);
        Public::ERRORS.set(4);
        inner::InSuper::with_state(|state| state.jobs)
            + inner::InOuter::with_state(|state| state.0 + u64::from(state.1))
            + Public::with_state(|state| state.errors)
    }

    pub mod of_the_same_name {
        #[tls_core::thread_local_state]
        pub struct Public {
            pub jobs: u64,
        }
    }

    #[thread_local_state(explicit)]
    pub struct Explicit {
        pub(crate) name: String,
    }
}

fn main() {
    Unused::with_state(|_| ());
    outer::Public::JOBS.set(1);
    outer::Public::FILES.set(2);
    outer::of_the_same_name::Public::JOBS.set(5);
    outer::InCrate::JOBS.set(3);
    assert_eq!(outer::Public::with_state(|state| state.jobs + state.files), 3);
    assert_eq!(outer::of_the_same_name::Public::with_state(|state| state.jobs), 5);
    assert_eq!(outer::InCrate::with_state(|state| state.jobs), 3);
    assert_eq!(outer::inner::touch(), 1);
    assert_eq!(outer::touch(), 10);
    outer::Explicit::state().init_with(outer::ExplicitInit { name: String::from("x") });
    assert_eq!(outer::Explicit::with_state(|state| state.name.len()), 1);
}
