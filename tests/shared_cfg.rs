//! Shared fields that are there or not as the configuration says.

use tls_core::shared::{HasSharedFields, SharedField};
use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Configured {
    #[cfg(any())]
    #[state(shared)]
    absent: Missing,
    #[state(shared)]
    #[cfg(not(any()))]
    first: Counter,
    #[cfg(any())]
    plain_and_absent: Missing,
    #[state(shared)]
    second: Counter,
    #[cfg(not(any()))]
    plain: u64,
    #[cfg(any())]
    #[state(shared)]
    array_and_absent: [Missing; 3],
    #[state(shared)]
    third: [Counter; 2],
}

#[test]
fn shared_fields_that_are_configured_away_do_not_exist() {
    std::thread::spawn(|| {
        Configured::FIRST.add(1);
        Configured::SECOND.add(2);
        Configured::THIRD.at(1).add(3);
        Configured::with_state_mut(|state| {
            state.plain += 1;
            Configured::FIRST.add(10);
            Configured::SECOND.add(20);
            Configured::THIRD.at(0).add(30);
        });
    })
    .join()
    .unwrap();
    assert_eq!(
        (Configured::FIRST.total(), Configured::SECOND.total()),
        (11, 22)
    );
    assert_eq!(Configured::THIRD.total(), [30, 3]);
}

#[thread_local_state]
struct Conditional {
    #[state(shared)]
    before: Counter,
    #[cfg_attr(not(any()), state(shared))]
    count: Counter,
    #[cfg_attr(any(), state(shared))]
    plain: u64,
    #[state(shared)]
    after: Counter,
}

#[test]
fn a_field_may_be_shared_on_a_condition() {
    std::thread::spawn(|| {
        Conditional::with_state_mut(|state| {
            Conditional::BEFORE.add(1);
            Conditional::COUNT.add(2);
            state.plain += 3;
            Conditional::AFTER.add(4);
        });
        let totals = [Conditional::BEFORE, Conditional::COUNT, Conditional::AFTER];
        assert_eq!(totals.map(SharedField::total), [1, 2, 4]);
        assert_eq!(Conditional::PLAIN.get(), 3);
    })
    .join()
    .unwrap();
}

#[thread_local_state]
#[derive(Debug)]
struct BothWays {
    #[cfg_attr(any(), state(shared))]
    #[cfg_attr(not(any()), state(init = 5))]
    kept: u64,
    #[cfg_attr(not(any()), state(shared), cfg_attr(not(any()), cfg(any())))]
    absent: Missing,
    #[cfg_attr(not(any()), cfg_attr(not(any()), state(shared)))]
    taken: Counter,
}

#[test]
fn what_is_shared_on_a_condition_is_a_plain_field_where_it_does_not_hold() {
    std::thread::spawn(|| {
        BothWays::TAKEN.add(2);
        let text = BothWays::with_state(|state| format!("{state:?}"));
        assert_eq!(text, "BothWays { kept: 5 }");
        assert_eq!(BothWays::KEPT.replace(6), 5);
        assert_eq!(BothWays::TAKEN.total(), 2);
    })
    .join()
    .unwrap();
}

#[thread_local_state]
#[cfg(any())]
struct Absent {
    #[state(shared)]
    done: Counter,
}

/// A state without shared fields, if the configuration takes all of them.
#[thread_local_state]
struct Without {
    #[cfg(any())]
    #[state(shared)]
    done: Missing,
    number: u64,
}

trait Question {
    const HAS_SHARED_FIELDS: bool = false;
}

impl<S> Question for Ask<S> {}

struct Ask<S>(std::marker::PhantomData<S>);

impl<S: HasSharedFields> Ask<S> {
    const HAS_SHARED_FIELDS: bool = true;
}

#[test]
fn a_state_whose_shared_fields_are_all_configured_away_has_none() {
    let answers = [
        Ask::<Conditional>::HAS_SHARED_FIELDS,
        Ask::<Without>::HAS_SHARED_FIELDS,
    ];
    assert_eq!(answers, [true, false]);
    assert_eq!(Without::NUMBER.get(), 0);
}
