//! Shared fields that are there or not as the configuration says.

use tls_core::{Counter, Gauge, SharedField, thread_local_state};

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
            state.first.add(10);
            state.second.add(20);
            state.third.at(0).add(30);
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
struct Tuple(
    #[cfg(any())]
    #[state(shared)]
    Missing,
    #[state(shared)] Counter,
    #[cfg(any())] Missing,
    u64,
    #[cfg(any())]
    #[state(shared)]
    Missing,
    #[state(shared)] [Gauge; 2],
);

#[test]
fn in_a_tuple_struct_they_count_for_nothing() {
    std::thread::spawn(|| {
        Tuple::FIELD_0.increment();
        Tuple::with_state_mut(|state| {
            state.0.add(10);
            state.1 += 1;
            state.2.at(1).set(20);
        });
        assert_eq!((Tuple::FIELD_0.get(), Tuple::FIELD_1.get()), (11, 1));
        assert_eq!(Tuple::FIELD_2.get(), [0, 20]);
    })
    .join()
    .unwrap();
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
            state.before.add(1);
            state.count.add(2);
            state.plain += 3;
            state.after.add(4);
        });
        let totals = [Conditional::BEFORE, Conditional::COUNT, Conditional::AFTER];
        assert_eq!(totals.map(SharedField::total), [1, 2, 4]);
        assert_eq!(Conditional::PLAIN.get(), 3);
    })
    .join()
    .unwrap();
}
