//! Panics point at the user's line, and with debug assertions at both lines that conflict.

use std::panic::Location;

use tls_core::{AccessError, ThreadLocalState};

use crate::kinds::{Explicit, Fallible, Given, Lazy, make, no_more_on_init, on_init};
use crate::support::{Panic, on_thread, panic_of};

#[track_caller]
fn assert_at(line: u32, accessor: &str, panic: &Panic) {
    assert_eq!(
        (panic.line, panic.file.as_str()),
        (line, file!()),
        "{accessor}: {}",
        panic.text
    );
}

/// Each call stands in one line with the line's number.
#[rustfmt::skip]
#[test]
fn a_plain_accessor_panics_at_the_users_line() {
    fn check_all() {
        assert_at(line!(), "with_state", &panic_of(|| Lazy::with_state(|_| ())));
        assert_at(line!(), "with_state_mut", &panic_of(|| Lazy::with_state_mut(|_| ())));
        assert_at(line!(), "reset", &panic_of(|| Lazy::state().reset()));
        assert_at(line!(), "generic reset", &panic_of(|| <Lazy as ThreadLocalState>::state().reset()));
        assert_at(line!(), "with_fresh", &panic_of(|| Lazy::state().with_fresh(|| ())));
        assert_at(line!(), "with", &panic_of(|| Lazy::NUMBER.with(|_| ())));
        assert_at(line!(), "with_mut", &panic_of(|| Lazy::NUMBER.with_mut(|_| ())));
        assert_at(line!(), "get", &panic_of(|| Lazy::NUMBER.get()));
        assert_at(line!(), "set", &panic_of(|| Lazy::NUMBER.set(1)));
        assert_at(line!(), "replace", &panic_of(|| Lazy::NUMBER.replace(1)));
        assert_at(line!(), "take", &panic_of(|| Lazy::NUMBER.take()));
        assert_at(line!(), "update", &panic_of(|| Lazy::NUMBER.update(|number| number)));
        assert_at(line!(), "scope", &panic_of(|| Lazy::NUMBER.scope(1, || ())));
        assert_at(line!(), "drop of take", &panic_of(|| drop(Lazy::ITEMS.take())));
    }
    on_thread(|| {
        Lazy::with_state_mut(|_| check_all());
        Lazy::state().reset();
        on_init(|| {
            no_more_on_init();
            check_all();
            assert_at(line!(), "init", &panic_of(|| Lazy::state().init()));
            Ok(())
        });
        make::<Lazy>();
    });
}

#[rustfmt::skip]
#[test]
fn an_accessor_that_returns_a_result_panics_at_the_users_line_too() {
    on_thread(|| {
        Fallible::with_state_mut(|_| {
            assert_at(line!(), "with_state", &panic_of(|| Fallible::with_state(|_| ())));
            assert_at(line!(), "with_state_mut", &panic_of(|| Fallible::with_state_mut(|_| ())));
            assert_at(line!(), "get", &panic_of(|| Fallible::NUMBER.get()));
            assert_at(line!(), "set", &panic_of(|| Fallible::NUMBER.set(1)));
            assert_at(line!(), "reset", &panic_of(|| Fallible::state().reset()));
        }).unwrap();
    });
}

#[rustfmt::skip]
#[test]
fn an_explicit_state_that_is_missing_is_missed_at_the_users_line() {
    on_thread(|| {
        assert_at(line!(), "with_state", &panic_of(|| Explicit::with_state(|_| ())));
        assert_at(line!(), "with_state_mut", &panic_of(|| Explicit::with_state_mut(|_| ())));
        assert_at(line!(), "get", &panic_of(|| Explicit::NUMBER.get()));
        assert_at(line!(), "set", &panic_of(|| Explicit::NUMBER.set(1)));
        assert_at(line!(), "update", &panic_of(|| Explicit::NUMBER.update(|number| number)));
        assert_at(line!(), "scope", &panic_of(|| Explicit::NUMBER.scope(1, || ())));
    });
}

#[test]
fn a_borrowed_text_has_both_places_with_debug_assertions_and_none_without() {
    let place = |line: u32| format!("{}:{line}:", file!());
    on_thread(move || {
        let outer = line!() + 1;
        Lazy::with_state(|_| {
            let inner = line!() + 1;
            let panic = panic_of(|| Lazy::NUMBER.set(1));
            let both = [place(outer), place(inner)];
            let found = both.map(|place| panic.text.contains(&place));
            assert_eq!(found, [cfg!(debug_assertions); 2], "{}", panic.text);
        });
    });
}

#[track_caller]
fn assert_place<E: 'static>(error: &AccessError<E>, borrowed: u32) {
    let AccessError::Borrowed(site) = error else {
        panic!("{error:?}")
    };
    let expected = cfg!(debug_assertions).then_some(borrowed);
    assert_eq!(site.borrowed_at().map(Location::line), expected);
}

#[rustfmt::skip]
#[test]
fn an_error_has_the_place_of_the_borrow_that_is_in_the_way() {
    on_thread(|| {
        Given::ITEMS.with(|_| ()); // Ended: not in the way.
        let first = line!() + 1;
        Given::NUMBER.with_mut(|_| {
            assert_place(&Given::NUMBER.try_with(|_| ()).unwrap_err(), first);
            assert_place(&Given::state().try_with(|_| ()).unwrap_err(), first);
            let second = line!() + 1;
            Given::ITEMS.with(|_| {
                assert_place(&Given::ITEMS.try_with_mut(|_| ()).unwrap_err(), second);
                assert_place(&Given::NUMBER.try_with_mut(|_| ()).unwrap_err(), first);
                // It is not the shared borrow that keeps a shared one of the whole away.
                assert_place(&Given::state().try_with(|_| ()).unwrap_err(), first);
            });
            assert_place(&Given::NUMBER.try_with(|_| ()).unwrap_err(), first);
        });
        // Whichever field comes first in the struct.
        Given::NUMBER.with(|_| {
            let exclusive = line!() + 1;
            Given::ITEMS.with_mut(|_| {
                assert_place(&Given::state().try_with(|_| ()).unwrap_err(), exclusive);
            });
        });
        let shared = line!() + 1;
        Given::NUMBER.with(|_| {
            assert_place(&Given::state().try_with_mut(|_| ()).unwrap_err(), shared);
            assert_place(&Given::state().try_reset().unwrap_err(), shared);
        });
        let whole = line!() + 1;
        Given::with_state(|_| {
            Given::ITEMS.with(|_| ());
            assert_place(&Given::NUMBER.try_with_mut(|_| ()).unwrap_err(), whole);
            assert_place(&Given::state().try_reset().unwrap_err(), whole);
        });
        let peek = line!() + 1;
        Given::state().peek(|_| {
            assert_place(&Given::state().try_with_mut(|_| ()).unwrap_err(), peek);
        }).ok().flatten();
    });
}
