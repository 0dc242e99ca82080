//! Access with a spare, for code that must work everywhere.

use crate::kinds::{Failure, Kind, START, for_each_kind, make, no_more_on_init, on_drop, on_init};
use crate::support::{note, noted, panic_of, recorded};

for_each_kind! {
    a_field_that_can_be_had_is_used
    a_spare_is_used_for_a_borrowed_field
    a_spare_is_used_while_the_state_is_being_made
    a_spare_is_used_when_the_state_was_destroyed
    a_spare_is_used_for_an_explicit_state_that_was_not_initialized
    a_spare_is_dropped_afterwards
    a_failed_initialization_is_an_error_and_no_reason_for_a_spare
}

/// Writes to the field or a spare; says which one by the length that it finds.
fn push<K: Kind>() -> usize {
    K::plain(K::ITEMS.with_mut_or_else(
        || vec![0; 100],
        |items| {
            items.push(1);
            items.len()
        },
    ))
}

/// Reads the field or a spare.
fn read<K: Kind>() -> u64 {
    K::plain(K::NUMBER.with_or_else(|| 100, |number| *number))
}

fn a_field_that_can_be_had_is_used<K: Kind>() {
    make::<K>();
    assert_eq!((push::<K>(), push::<K>()), (1, 2));
    assert_eq!(read::<K>(), START);
    K::plain(K::NUMBER.with_mut_or_else(|| unreachable!("it is free"), |number| *number += 1));
    K::plain(K::NUMBER.with_or_else(
        || unreachable!("it is free"),
        |number| {
            assert_eq!(*number, START + 1);
        },
    ));
    assert_eq!(K::plain(K::ITEMS.with(Vec::len)), 2);
    if K::IS_LAZY {
        K::state().reset();
        assert_eq!(read::<K>(), START, "it is made on first access");
        assert!(K::state().is_initialized());
    }
}

fn a_spare_is_used_for_a_borrowed_field<K: Kind>() {
    make::<K>();
    K::plain(K::ITEMS.with(|_| assert_eq!(push::<K>(), 101)));
    K::plain(K::ITEMS.with_mut(|_| assert_eq!((push::<K>(), read::<K>()), (101, START))));
    K::plain(K::NUMBER.with(|_| assert_eq!(read::<K>(), START, "shared within shared")));
    K::plain(K::NUMBER.with_mut(|_| assert_eq!((push::<K>(), read::<K>()), (1, 100))));
    K::plain(K::with_state(|_| {
        assert_eq!((push::<K>(), read::<K>()), (101, START));
    }));
    K::plain(K::with_state_mut(|_| {
        assert_eq!((push::<K>(), read::<K>()), (101, 100));
    }));
    assert_eq!((push::<K>(), read::<K>()), (2, START));
}

fn a_spare_is_used_while_the_state_is_being_made<K: Kind>() {
    if !K::RUNS_CODE {
        return;
    }
    on_init(|| {
        no_more_on_init();
        assert_eq!((push::<K>(), read::<K>()), (101, 100));
        Ok(())
    });
    make::<K>();
    assert_eq!((push::<K>(), read::<K>()), (1, START));
}

fn a_spare_is_used_when_the_state_was_destroyed<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        on_drop(|_| note(format!("{:?}", (push::<K>(), read::<K>()))));
        noted();
    });
    assert_eq!(events, [format!("drop {}", K::NAME), "(101, 100)".into()]);
}

fn a_spare_is_used_for_an_explicit_state_that_was_not_initialized<K: Kind>() {
    if !K::IS_LAZY {
        assert_eq!((push::<K>(), read::<K>()), (101, 100));
        assert!(!K::state().is_initialized());
    }
    make::<K>();
    assert_eq!((push::<K>(), read::<K>()), (1, START));
}

fn a_spare_is_dropped_afterwards<K: Kind>() {
    recorded(|| {
        make::<K>();
        noted();
        K::plain(K::with_state_mut(|_| {
            K::plain(K::WITNESS.with_mut_or_else(
                || crate::kinds::Witness::silent("spare"),
                |witness| note(format!("use {}", witness.state)),
            ));
            assert_eq!(noted(), ["use spare", "drop spare"]);
            let panic = panic_of(|| {
                K::plain(K::WITNESS.with_or_else(
                    || crate::kinds::Witness::silent("spare"),
                    |_| panic!("on purpose"),
                ))
            });
            assert_eq!(panic.text, "on purpose");
            assert_eq!(noted(), ["drop spare"]);
        }));
    });
}

fn a_failed_initialization_is_an_error_and_no_reason_for_a_spare<K: Kind>() {
    if !K::RUNS_CODE || !K::IS_LAZY {
        return;
    }
    on_init(|| Err(Failure("closed")));
    // A panic of the initializer's, or a panic of this test's over the error that came back.
    let unused = || unreachable!("an error is no reason for a spare");
    let panic = panic_of(|| K::plain(K::NUMBER.with_or_else(unused, |_| ())));
    assert!(panic.text.contains("closed"), "{}", panic.text);
}
