//! Refused accesses: which one, and that every accessor says so.

use std::fmt::Debug;

use tls_core::{AccessError, Field};

use crate::kinds::{Kind, NotMade};
use crate::support::try_panic_of;

/// Which refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Borrowed,
    Recursive,
    Destroyed,
    NotInitialized,
}

impl Refusal {
    pub(crate) fn of<E: Debug>(error: &AccessError<E>) -> Self {
        match error {
            AccessError::Borrowed(_) => Self::Borrowed,
            AccessError::Recursive(_) => Self::Recursive,
            AccessError::Destroyed(_) => Self::Destroyed,
            AccessError::NotInitialized(_) => Self::NotInitialized,
            other => panic!("{other:?}"),
        }
    }

    /// A part of the text that no other refusal has.
    fn words(self) -> &'static str {
        match self {
            Self::Borrowed => "is already borrowed",
            Self::Recursive => "is being initialized, and its initializer accessed it again",
            Self::Destroyed => "cannot be accessed any more, because its thread is exiting",
            Self::NotInitialized => "has not been initialized on this thread",
        }
    }
}

/// Checks that no accessor can be had, and that each says so in its own way.
#[track_caller]
pub(crate) fn assert_refused<K: Kind>(refusal: Refusal) {
    fn tried<R, E: Debug>(result: Result<R, AccessError<E>>) -> Option<Refusal> {
        result.err().map(|error| Refusal::of(&error))
    }
    let some = Some(refusal);
    assert_eq!(tried(K::state().try_with(|_| ())), some, "state try_with");
    assert_eq!(
        tried(K::state().try_with_mut(|_| ())),
        some,
        "state try_with_mut"
    );
    assert_eq!(tried(K::NUMBER.try_with(|_| ())), some, "try_with");
    assert_eq!(tried(K::NUMBER.try_with_mut(|_| ())), some, "try_with_mut");
    assert_eq!(K::state().peek(|_| ()).ok().flatten(), None, "peek");

    let exists = refusal == Refusal::Borrowed;
    let can_be_made = exists.then_some(()).ok_or(refusal);
    let init = K::try_init().map_err(|error| Refusal::of(&error));
    assert_eq!(init, can_be_made, "try_init");
    assert_eq!(K::state().is_initialized(), exists, "is_initialized");
    if refusal != Refusal::NotInitialized && !exists {
        assert_eq!(K::make(), Err(NotMade::Refused), "make");
    }

    assert_panics("with_state", refusal, || K::plain(K::with_state(|_| ())));
    assert_panics("with_state_mut", refusal, || {
        K::plain(K::with_state_mut(|_| ()));
    });
    assert_field_refused(refusal, K::NUMBER, K::plain);
    assert_panics("get", refusal, || K::plain(K::NUMBER.get()));
    assert_panics("update", refusal, || {
        K::plain(K::NUMBER.update(|number| number));
    });
}

/// Checks that the value cannot be reset either: there is one, there will be, or there was.
#[track_caller]
pub(crate) fn assert_reset_refused<K: Kind>(refusal: Refusal) {
    let reset = K::state().try_reset().map_err(|error| Refusal::of(&error));
    assert_eq!(reset, Err(refusal), "try_reset");
    assert_panics("reset", refusal, || K::state().reset());
}

#[track_caller]
fn assert_field_refused<K: Kind, T: Default>(
    refusal: Refusal,
    field: Field<K, T>,
    plain: fn(K::Output<()>) -> (),
) {
    assert_panics("with", refusal, || plain(field.with(|_| ())));
    assert_panics("with_mut", refusal, || plain(field.with_mut(|_| ())));
    assert_panics("set", refusal, || plain(field.set(T::default())));
    assert_panics("replace", refusal, || {
        drop(K::plain(field.replace(T::default())));
    });
    assert_panics("take", refusal, || drop(K::plain(field.take())));
    assert_panics("scope", refusal, || plain(field.scope(T::default(), || ())));
}

#[track_caller]
fn assert_panics<R>(accessor: &str, refusal: Refusal, f: impl FnOnce() -> R) {
    match try_panic_of(f) {
        Ok(_) => panic!("{accessor} went ahead although {refusal:?}"),
        Err(panic) => assert!(
            panic.text.contains(refusal.words()),
            "{accessor}: {}",
            panic.text
        ),
    }
}
