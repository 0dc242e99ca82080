//! Shared fields, and what makes a field shared, under `cfg`.

#![deny(warnings)]

use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct First {
    #[cfg(any())]
    #[state(shared)]
    gone: Unknown,
    #[state(shared)]
    done: Counter,
    jobs: u64,
}

#[thread_local_state]
struct Middle {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    #[cfg(any())]
    gone: [Unknown; 4],
    #[cfg(any())]
    gone_too: Unknown,
    jobs: u64,
    #[cfg(all())]
    #[state(shared)]
    failed: Counter,
}

#[thread_local_state]
struct Last {
    jobs: u64,
    #[state(shared)]
    done: [Counter; 2],
    #[cfg(any())]
    #[state(shared)]
    gone: Unknown,
}

/// Without its only shared field it is a state like any other.
#[thread_local_state]
struct Only {
    #[cfg(any())]
    #[state(shared)]
    gone: Unknown,
    jobs: u64,
}

#[thread_local_state]
struct Conditional {
    #[cfg_attr(all(), state(shared))]
    done: Counter,
    #[cfg_attr(any(), state(shared))]
    jobs: u64,
    #[cfg_attr(all(), cfg_attr(all(), state(shared)))]
    nested: [Counter; 2],
    #[cfg_attr(all(), state(shared), doc = "Failed.")]
    failed: Counter,
    #[cfg_attr(any(), state(init = nonsense))]
    #[cfg_attr(all(), state(shared))]
    either: Counter,
    #[cfg_attr(all(), cfg(any()))]
    #[state(shared)]
    gone: Unknown,
}

#[cfg_attr(all(), thread_local_state(fork = reset), derive(Debug))]
struct Whole {
    #[state(shared)]
    done: Counter,
}

fn main() {
    First::DONE.add(1);
    First::with_state_mut(|state| state.jobs += First::DONE.get());
    assert_eq!(First::JOBS.get(), 1);
    Middle::FAILED.add(2);
    Middle::with_state_mut(|state| {
        Middle::DONE.add(3);
        state.jobs += 1;
        assert_eq!(Middle::FAILED.get(), 2);
    });
    assert_eq!((Middle::DONE.total(), Middle::FAILED.total()), (3, 2));
    Last::DONE.at(1).increment();
    Last::with_state(|state| assert_eq!(state.jobs + Last::DONE.at(1).get(), 1));
    Only::JOBS.set(1);
    Only::with_state(|state| assert_eq!(state.jobs, 1));

    Conditional::DONE.increment();
    Conditional::NESTED.at(1).increment();
    Conditional::EITHER.increment();
    Conditional::with_state_mut(|state| {
        state.jobs += Conditional::DONE.get() + Conditional::NESTED.at(1).get();
        Conditional::FAILED.add(Conditional::EITHER.get());
    });
    assert_eq!((Conditional::JOBS.get(), Conditional::FAILED.total()), (2, 1));
    Whole::DONE.increment();
    assert_eq!(Whole::with_state(|state| format!("{state:?}")), "Whole");
}
