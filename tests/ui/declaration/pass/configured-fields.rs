//! Fields, attributes and initializers under `cfg`.

#![deny(warnings)]

use tls_core::thread_local_state;

#[thread_local_state]
struct Named {
    #[cfg(any())]
    gone: Unknown,
    jobs: u64,
    #[cfg(all())]
    #[state(init = jobs + 1)]
    kept: u64,
    #[cfg_attr(all(), state(init = 5))]
    five: u64,
    #[cfg_attr(any(), state(init = nonsense))]
    zero: u64,
    #[cfg_attr(all(), cfg(any()))]
    gone_too: Unknown,
    #[state(init = *five + *kept)]
    sum: u64,
}

#[thread_local_state]
struct Tuple(
    #[cfg(any())] Unknown,
    #[state(init = 1)] u8,
    #[cfg(any())]
    #[state(init = nonsense)]
    Unknown,
    #[cfg(all())]
    #[state(init = 2)]
    u16,
    u32,
);

#[cfg_attr(all(), thread_local_state(explicit))]
struct Conditional {
    #[cfg(any())]
    gone: Unknown,
    jobs: u64,
}

#[thread_local_state]
#[cfg_attr(all(), derive(Debug, PartialEq), repr(C))]
struct Derived {
    #[cfg(any())]
    gone: Unknown,
    jobs: u64,
}

#[cfg(any())]
#[thread_local_state]
struct Gone {
    gone: Unknown,
}

fn main() {
    assert_eq!(Named::SUM.get(), 6);
    Named::with_state(|state| assert_eq!((state.jobs, state.kept, state.five), (0, 1, 5)));
    assert_eq!(Named::ZERO.get() + Named::with_state(|state| state.sum + state.zero), 6);
    assert_eq!((Tuple::FIELD_0.get(), Tuple::FIELD_1.get(), Tuple::FIELD_2.get()), (1, 2, 0));
    Tuple::with_state(|state| assert_eq!((state.0, state.1, state.2), (1, 2, 0)));
    Conditional::state().init_with(ConditionalInit { jobs: 1 });
    assert_eq!(Conditional::with_state(|state| state.jobs), 1);
    Derived::with_state(|state| assert!(state == state && state.jobs == 0));
    assert_eq!(Derived::with_state(|state| format!("{state:?}")), "Derived { jobs: 0 }");
}
