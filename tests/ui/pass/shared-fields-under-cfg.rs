//! Shared fields, and what makes a field shared, under `cfg`.

#![deny(warnings)]

use tls_core::shared::Peak;
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
struct FirstOfTuple(
    #[cfg(any())]
    #[state(shared)]
    Unknown,
    #[state(shared)] Counter,
    u64,
);

#[thread_local_state]
struct MiddleOfTuple(
    #[state(shared)] Counter,
    #[cfg(any())]
    #[state(shared)]
    Unknown,
    #[state(init = 3)] u64,
    #[cfg(all())]
    #[state(shared)]
    Peak,
);

#[thread_local_state]
struct LastOfTuple(
    u64,
    #[state(shared)] Counter,
    #[cfg(any())]
    #[state(shared)]
    Unknown,
);

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

#[thread_local_state]
struct ConditionalTuple(
    #[cfg_attr(all(), state(shared))] Counter,
    #[cfg_attr(any(), state(shared))] u64,
);

#[cfg_attr(all(), thread_local_state(fork = reset), derive(Debug))]
struct Whole {
    #[state(shared)]
    done: Counter,
}

fn main() {
    First::DONE.add(1);
    First::with_state_mut(|state| state.jobs += state.done.get());
    assert_eq!(First::JOBS.get(), 1);
    Middle::FAILED.add(2);
    Middle::with_state_mut(|state| {
        state.done.add(3);
        state.jobs += 1;
        assert_eq!(state.failed.get(), 2);
    });
    assert_eq!((Middle::DONE.total(), Middle::FAILED.total()), (3, 2));
    Last::DONE.at(1).increment();
    Last::with_state(|state| assert_eq!(state.jobs + state.done.at(1).get(), 1));
    Only::JOBS.set(1);
    Only::with_state(|state| assert_eq!(state.jobs, 1));

    FirstOfTuple::FIELD_0.increment();
    FirstOfTuple::with_state_mut(|state| state.1 += state.0.get());
    assert_eq!(FirstOfTuple::FIELD_1.get(), 1);
    MiddleOfTuple::FIELD_2.record(MiddleOfTuple::FIELD_1.get());
    MiddleOfTuple::with_state(|state| state.0.add(state.1 + state.2.get()));
    assert_eq!(MiddleOfTuple::FIELD_0.total(), 6);
    LastOfTuple::FIELD_1.increment();
    LastOfTuple::with_state(|state| assert_eq!(state.0 + state.1.get(), 1));

    Conditional::DONE.increment();
    Conditional::NESTED.at(1).increment();
    Conditional::EITHER.increment();
    Conditional::with_state_mut(|state| {
        state.jobs += state.done.get() + state.nested.at(1).get();
        state.failed.add(state.either.get());
    });
    assert_eq!((Conditional::JOBS.get(), Conditional::FAILED.total()), (2, 1));
    ConditionalTuple::FIELD_0.increment();
    ConditionalTuple::with_state(|state| assert_eq!(state.0.get() + state.1, 1));
    Whole::DONE.increment();
    assert_eq!(Whole::with_state(|state| format!("{state:?}")), "Whole { done: Counter(1) }");
}
