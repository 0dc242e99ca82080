//! A state among thread-locals of the standard library's, which other crates have: one order for all.
//!
//! Each promise is checked for states of every kind. Where `thread_local!` can do the same, it is checked for
//! one of those in the state's place, too, so that what stands here is what the standard library does.

use std::cell::{Cell, RefCell};
use std::sync::Mutex;

use tls_core::{AccessError, ThreadLocalState, thread_local_state};

use crate::kinds::{Kind, NotMade, Witness, on_drop, on_init};
use crate::support::{lock, note as note_here, noted, panic_of, recorded, try_panic_of};

pub(crate) use Foreign::{F, G, H};

thread_local! {
    /// The record of a thread that has none of the suite's.
    static RECORD: Cell<Option<&'static Mutex<Vec<String>>>> = const { Cell::new(None) };
    /// What the subject's initializer does.
    static ON_MAKE: Cell<fn()> = const { Cell::new(|| ()) };
    /// What the subject's destructor does.
    static ON_DROP: Cell<fn()> = const { Cell::new(|| ()) };
    /// What the destructors of the foreign thread-locals do.
    static FOREIGN_ON_DROP: Cell<[fn(); 3]> = const { Cell::new([|| (); 3]) };
}

/// Has the events of a thread that the suite has not made go to this record.
pub(crate) fn record_in(record: &'static Mutex<Vec<String>>) {
    RECORD.set(Some(record));
}

/// Notes an event in the thread's record.
pub(crate) fn note(event: impl Into<String>) {
    match RECORD.get() {
        Some(record) => lock(record).push(event.into()),
        None => note_here(event),
    }
}

fn note_look(who: &str, what: &str, is_there: bool) {
    let verb = if is_there { "finds" } else { "misses" };
    note(format!("{who} {verb} {what}"));
}

/// What is looked at among foreign thread-locals: a state, or one of the standard library's instead.
pub(crate) trait Subject: 'static {
    /// By what name it notes events.
    const NAME: &'static str = "S";
    /// Whether making it runs code.
    const RUNS_CODE: bool = true;

    /// Makes it if there is none. Returns whether there is one then.
    fn make() -> bool;

    /// Has its initializer and its destructor do what [`at_make`] and [`at_drop`] say.
    fn arm() {}
}

/// Says what the subject's initializer does from now on.
pub(crate) fn at_make(hook: fn()) {
    ON_MAKE.set(hook);
}

/// The subject's initializer does nothing special any more.
fn no_more_at_make() {
    ON_MAKE.set(|| ());
}

/// Says what the subject's destructor does from now on.
pub(crate) fn at_drop(hook: fn()) {
    ON_DROP.set(hook);
}

/// Makes the subject, and notes for whom, and whether it is there.
pub(crate) fn look<S: Subject>(who: &str) {
    note_look(who, "S", S::make());
}

impl<K: Kind> Subject for K {
    const NAME: &'static str = K::NAME;
    const RUNS_CODE: bool = K::RUNS_CODE;

    fn make() -> bool {
        match K::make() {
            Ok(()) => true,
            Err(NotMade::Refused) => false,
            Err(NotMade::Failed(why)) => panic!("{why}"),
        }
    }

    fn arm() {
        on_init(|| {
            // The suite's own notes go nowhere then.
            if RECORD.get().is_some() {
                note("make S");
            }
            ON_MAKE.get()();
            Ok(())
        });
        on_drop(|witness| {
            if RECORD.get().is_some() && witness.state == <K as Kind>::NAME {
                note("drop S");
            }
            ON_DROP.get()();
        });
    }
}

/// A field that notes when it is made and dropped.
struct Bell;

impl Bell {
    fn make() -> Self {
        note("make S");
        ON_MAKE.get()();
        Self
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        note("drop S");
        ON_DROP.get()();
    }
}

/// A thread-local of the standard library's, in a state's place.
pub(crate) struct Std;

impl Subject for Std {
    fn make() -> bool {
        thread_local!(static KEY: Bell = Bell::make());
        KEY.try_with(|_| ()).is_ok()
    }
}

/// The same, without an initializer that runs.
pub(crate) struct StdConstant;

impl Subject for StdConstant {
    const RUNS_CODE: bool = false;

    fn make() -> bool {
        thread_local!(static KEY: Bell = const { Bell });
        KEY.try_with(|_| ()).is_ok()
    }
}

macro_rules! subjects {
    ($($Name:ident($($args:tt)*) $size:literal $bell:expr $(, $constant:ident = $value:literal)*;)*) => {
        $(
            #[thread_local_state($($args)*)]
            pub(crate) struct $Name {
                #[state(init = [7; $size])]
                bytes: [u8; $size],
                #[state(init = $bell)]
                bell: Bell,
            }

            impl Subject for $Name {
                $(const $constant: bool = $value;)*

                fn make() -> bool {
                    let there = $Name::BYTES.try_with(|bytes| bytes[$size - 1] == 7);
                    $Name::BELL.try_with(|_| ()).is_ok() && there.unwrap()
                }
            }
        )*
    };
}

// The large ones are kept on the heap.
subjects! {
    Large() 5000 Bell::make();
    LargeConstant(const) 5000 Bell, RUNS_CODE = false;
    Forked(fork = reset) 8 Bell::make();
    LargeForked(fork = reset) 5000 Bell::make();
}

/// Thread-locals that other crates have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Foreign {
    F,
    G,
    H,
}

struct Knell(Foreign);

impl Knell {
    fn make(of: Foreign) -> Self {
        note(format!("make {of:?}"));
        Self(of)
    }
}

impl Drop for Knell {
    fn drop(&mut self) {
        note(format!("drop {:?}", self.0));
        FOREIGN_ON_DROP.get()[self.0 as usize]();
    }
}

impl Foreign {
    /// Makes it if there is none. Returns whether there is one then.
    pub(crate) fn touch(self) -> bool {
        thread_local! {
            static KEY_F: Knell = Knell::make(F);
            static KEY_G: Knell = Knell::make(G);
            static KEY_H: Knell = Knell::make(H);
        }
        match self {
            F => KEY_F.try_with(|_| ()),
            G => KEY_G.try_with(|_| ()),
            H => KEY_H.try_with(|_| ()),
        }
        .is_ok()
    }

    /// Says what its destructor does from now on.
    pub(crate) fn at_drop(self, hook: fn()) {
        let mut hooks = FOREIGN_ON_DROP.get();
        hooks[self as usize] = hook;
        FOREIGN_ON_DROP.set(hooks);
    }

    /// Makes it, and notes for whom, and whether it is there.
    pub(crate) fn look(self, who: &str) {
        note_look(who, &format!("{self:?}"), self.touch());
    }
}

/// What is noted at the end of a thread that does this, by destructors that is.
pub(crate) fn end_of<S: Subject>(body: fn()) -> Vec<String> {
    let events = recorded(move || {
        S::arm();
        body();
        noted();
    });
    let rename = |event: String| match event.split_once(' ') {
        Some((verb, name)) if name == S::NAME => format!("{verb} S"),
        _ => event,
    };
    events.into_iter().map(rename).collect()
}

/// These events, without those that the subject does not note.
pub(crate) fn of<'a, S: Subject>(events: &[&'a str]) -> Vec<&'a str> {
    let mut events = events.to_vec();
    events.retain(|event| S::RUNS_CODE || *event != "make S");
    events
}

#[track_caller]
pub(crate) fn assert_end<S: Subject>(expected: &[&'static str], body: fn()) {
    assert_eq!(end_of::<S>(body), of::<S>(expected));
}

/// Writes one test for each kind of a promise about states.
macro_rules! for_each_state {
    ($($promise:ident)*) => {
        $(mod $promise {
            crate::foreign::for_each_state!(@tests $promise);
        })*
    };
    (@tests $promise:ident) => {
        crate::foreign::for_each_state! { @each $promise
            lazy crate::kinds::Lazy,
            explicit_fallible crate::kinds::ExplicitFallible,
            large crate::foreign::Large,
            forked crate::foreign::Forked,
        }

        #[cfg(not(tls_core_few_kinds))]
        crate::foreign::for_each_state! { @each $promise
            fallible crate::kinds::Fallible,
            constant crate::kinds::Constant,
            explicit crate::kinds::Explicit,
            given_by_a_function crate::kinds::Given,
            given_by_a_fallible_function crate::kinds::GivenFallible,
            large_constant crate::foreign::LargeConstant,
            large_and_forked crate::foreign::LargeForked,
        }
    };
    (@each $promise:ident $($name:ident $Subject:ty,)*) => {
        $(
            #[test]
            fn $name() {
                super::$promise::<$Subject>();
            }
        )*
    };
}

/// The same of a promise that the standard library makes of its own.
macro_rules! for_each_subject {
    ($($promise:ident)*) => {
        $(mod $promise {
            crate::foreign::for_each_state!(@tests $promise);

            crate::foreign::for_each_state! { @each $promise
                control crate::foreign::Std,
                constant_control crate::foreign::StdConstant,
            }
        })*
    };
}

pub(crate) use {for_each_state, for_each_subject};

for_each_subject! {
    a_value_goes_after_what_was_registered_later_and_before_what_was_registered_earlier
    what_the_initializer_has_used_is_there_when_the_value_is_dropped
    what_a_destructor_is_the_first_to_use_goes_next
    a_value_is_made_by_the_first_use_in_a_foreign_destructor_and_goes_next
    a_foreign_destructor_that_uses_it_twice_finds_one_value
    a_foreign_destructor_finds_none_if_an_earlier_one_was_the_first_to_use_it
    a_value_made_in_a_foreign_destructor_may_use_and_make_others
    an_initialization_that_panics_takes_no_place
    a_use_of_an_unrelated_state_does_not_change_the_place
    a_count_does_not_change_the_place
    a_destructor_that_logs_finds_the_buffer_that_its_initializer_logged_to
}

for_each_state! {
    after_its_end_every_use_is_refused_as_destroyed
    a_value_reset_and_made_again_keeps_its_place_among_foreign_ones
    a_value_made_again_goes_with_a_newer_state_that_goes_sooner
    a_value_made_again_in_a_foreign_destructor_goes_in_its_old_turn
    a_turn_that_passes_without_a_value_is_the_end
    a_first_value_that_is_a_fresh_one_takes_the_place
    a_value_that_was_set_aside_keeps_its_place_among_foreign_ones
    a_fresh_value_in_a_foreign_destructor_takes_the_place_and_goes_with_the_function
    a_value_may_be_made_reset_and_made_in_one_foreign_destructor
}

fn a_value_goes_after_what_was_registered_later_and_before_what_was_registered_earlier<
    S: Subject,
>() {
    let ordinary = [
        "drop G",
        "G finds S",
        "G finds F",
        "drop S",
        "S finds F",
        "S misses G",
        "drop F",
        "F misses S",
        "F misses G",
    ];
    assert_end::<S>(&ordinary, || {
        F.touch();
        S::make();
        G.touch();
        // Touched again: neither takes another place.
        S::make();
        F.touch();
        F.at_drop(|| {
            look::<S>("F");
            G.look("F");
        });
        G.at_drop(|| {
            look::<S>("G");
            F.look("G");
        });
        at_drop(|| {
            F.look("S");
            G.look("S");
        });
    });
    assert_end::<S>(&["drop H", "drop G", "drop F", "drop S"], || {
        S::make();
        assert!(F.touch() && G.touch() && H.touch());
    });
    assert_end::<S>(&["drop S", "drop H", "drop G", "drop F"], || {
        assert!(F.touch() && G.touch() && H.touch());
        S::make();
    });
}

fn what_the_initializer_has_used_is_there_when_the_value_is_dropped<S: Subject>() {
    if !S::RUNS_CODE {
        return;
    }
    let expected = ["drop S", "S finds F", "S finds G", "drop G", "drop F"];
    assert_end::<S>(&expected, || {
        at_make(|| assert!(F.touch() && G.touch()));
        at_drop(|| {
            F.look("S");
            G.look("S");
        });
        S::make();
    });
}

fn what_a_destructor_is_the_first_to_use_goes_next<S: Subject>() {
    let expected = [
        "drop H",
        "drop S",
        "make F",
        "S finds F",
        "drop F",
        "F misses S",
        "F finds G",
        "drop G",
    ];
    assert_end::<S>(&expected, || {
        G.touch();
        S::make();
        H.touch();
        at_drop(|| F.look("S"));
        F.at_drop(|| {
            look::<S>("F");
            G.look("F");
        });
    });
}

fn a_value_is_made_by_the_first_use_in_a_foreign_destructor_and_goes_next<S: Subject>() {
    let expected = [
        "drop G",
        "make S",
        "G finds S",
        "drop S",
        "S misses G",
        "S finds F",
        "drop F",
        "F misses S",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        G.touch();
        G.at_drop(|| look::<S>("G"));
        F.at_drop(|| look::<S>("F"));
        at_drop(|| {
            G.look("S");
            F.look("S");
        });
    });
    // Nothing else is left when the last destructor uses it.
    assert_end::<S>(&["drop F", "make S", "F finds S", "drop S"], || {
        F.touch();
        F.at_drop(|| look::<S>("F"));
    });
}

fn a_foreign_destructor_that_uses_it_twice_finds_one_value<S: Subject>() {
    let expected = [
        "drop F",
        "make S",
        "first finds S",
        "again finds S",
        "drop S",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        F.at_drop(|| {
            look::<S>("first");
            look::<S>("again");
        });
    });
}

fn a_foreign_destructor_finds_none_if_an_earlier_one_was_the_first_to_use_it<S: Subject>() {
    let expected = [
        "drop H",
        "make S",
        "H finds S",
        "drop S",
        "drop G",
        "G misses S",
        "drop F",
        "F misses S",
    ];
    assert_end::<S>(&expected, || {
        assert!(F.touch() && G.touch() && H.touch());
        F.at_drop(|| look::<S>("F"));
        G.at_drop(|| look::<S>("G"));
        H.at_drop(|| look::<S>("H"));
    });
}

fn a_value_made_in_a_foreign_destructor_may_use_and_make_others<S: Subject>() {
    if !S::RUNS_CODE {
        return;
    }
    let expected = [
        "drop F",
        "make S",
        "make G",
        "S finds G",
        "F finds S",
        "drop S",
        "make H",
        "S finds H",
        "S finds G",
        "drop H",
        "drop G",
    ];
    assert_end::<S>(&expected, || {
        at_make(|| G.look("S"));
        at_drop(|| {
            H.look("S");
            G.look("S");
        });
        F.touch();
        F.at_drop(|| look::<S>("F"));
    });
}

fn an_initialization_that_panics_takes_no_place<S: Subject>() {
    fn fail<S: Subject>() {
        at_make(|| panic!("on purpose"));
        assert_eq!(panic_of(S::make).text, "on purpose");
        no_more_at_make();
    }
    if !S::RUNS_CODE {
        return;
    }
    let made_later = ["drop S", "S finds F", "drop F"];
    assert_end::<S>(&made_later, || {
        fail::<S>();
        F.touch();
        S::make();
        at_drop(|| F.look("S"));
    });
    let made_in_a_destructor = [
        "drop G",
        "make S",
        "drop F",
        "make S",
        "F finds S",
        "drop S",
    ];
    assert_end::<S>(&made_in_a_destructor, || {
        F.touch();
        G.touch();
        G.at_drop(fail::<S>);
        F.at_drop(|| look::<S>("F"));
    });
}

/// States of which the subject knows nothing.
mod unrelated {
    use tls_core::{Counter, thread_local_state};

    use super::note;

    pub(super) struct Chime;

    impl Drop for Chime {
        fn drop(&mut self) {
            note("drop U");
        }
    }

    #[thread_local_state]
    pub(super) struct Unrelated {
        #[state(init = Chime)]
        pub(super) chime: Chime,
        pub(super) number: u64,
    }

    #[thread_local_state]
    pub(super) struct Plain {
        pub(super) number: u64,
    }

    #[thread_local_state]
    pub(super) struct Counts {
        #[state(shared)]
        pub(super) done: Counter,
    }
}

use unrelated::{Counts, Plain, Unrelated};

fn a_use_of_an_unrelated_state_does_not_change_the_place<S: Subject>() {
    assert_end::<S>(
        &["drop G", "drop S", "S finds F", "drop F", "drop U"],
        || {
            Unrelated::CHIME.with(|_| ());
            Plain::NUMBER.set(1);
            F.touch();
            Unrelated::NUMBER.set(2);
            S::make();
            Unrelated::state().with_fresh(|| Unrelated::NUMBER.set(3));
            noted();
            G.touch();
            Unrelated::NUMBER.set(4);
            at_drop(|| F.look("S"));
        },
    );
    assert_end::<S>(&["drop U", "drop G", "drop S", "drop F"], || {
        F.touch();
        S::make();
        G.touch();
        Unrelated::CHIME.with(|_| ());
    });
    // Unrelated to each other, too.
    let only_in_destructors = [
        "drop G",
        "drop U",
        "drop F",
        "make S",
        "F finds S",
        "drop S",
        "make H",
        "drop H",
    ];
    assert_end::<S>(&only_in_destructors, || {
        F.touch();
        G.touch();
        G.at_drop(|| Unrelated::CHIME.with(|_| ()));
        F.at_drop(|| look::<S>("F"));
        at_drop(|| {
            H.touch();
        });
    });
}

fn a_count_does_not_change_the_place<S: Subject>() {
    let expected = [
        "drop G",
        "drop S",
        "S finds F",
        "drop F",
        "make H",
        "drop H",
    ];
    assert_end::<S>(&expected, || {
        Counts::DONE.increment();
        F.touch();
        Counts::DONE.increment();
        S::make();
        Counts::DONE.increment();
        G.touch();
        G.at_drop(|| Counts::DONE.increment());
        at_drop(|| {
            Counts::DONE.increment();
            F.look("S");
        });
        F.at_drop(|| {
            Counts::DONE.increment();
            H.touch();
        });
        H.at_drop(|| Counts::DONE.increment());
    });
}

/// A logger that has a buffer for each thread, and cannot do without.
fn log(line: &str) {
    thread_local!(static BUFFER: RefCell<String> = const { RefCell::new(String::new()) });
    let written = BUFFER.try_with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        buffer.clear();
        buffer.push_str(line);
        note(format!("log {buffer}"));
    });
    if written.is_err() {
        note(format!("lost {line}"));
    }
}

fn a_destructor_that_logs_finds_the_buffer_that_its_initializer_logged_to<S: Subject>() {
    fn connect<S: Subject>() {
        // A constant has nothing that would log, and so its opener does.
        if S::RUNS_CODE {
            at_make(|| log("opened"));
        } else {
            log("opened");
        }
        at_drop(|| {
            log("closing");
            note("shut down");
        });
        S::make();
    }
    let expected = ["drop S", "log closing", "shut down"];
    assert_end::<S>(&expected, connect::<S>);
    assert_end::<S>(&expected, || {
        Counts::DONE.increment();
        connect::<S>();
    });
    let after_another = ["drop S", "log closing", "shut down", "drop U"];
    assert_end::<S>(&after_another, || {
        Unrelated::CHIME.with(|_| ());
        Counts::DONE.increment();
        connect::<S>();
    });
}

/// Whether an access is refused, and why.
pub(crate) fn why_refused<S: ThreadLocalState>() -> &'static str {
    match S::state().try_with(|_| ()) {
        Ok(()) => "not refused",
        Err(AccessError::Destroyed(_)) => "destroyed",
        Err(AccessError::Borrowed(_)) => "borrowed",
        Err(AccessError::NotInitialized(_)) => "not initialized",
        Err(AccessError::Recursive(_)) => "recursive",
        Err(_) => "other",
    }
}

fn after_its_end_every_use_is_refused_as_destroyed<S: Subject + ThreadLocalState>() {
    fn check<S: Subject + ThreadLocalState>() {
        let destroyed = |result| matches!(result, Err(AccessError::Destroyed(_)));
        let failures = [
            why_refused::<S>() != "destroyed",
            S::make(),
            S::state().is_initialized(),
            !destroyed(S::state().try_reset()),
            S::state().try_with_fresh(|| 3).ok() != Some(3),
            S::state().with_fresh(|| why_refused::<S>()) != "destroyed",
        ];
        note(format!("{failures:?}"));
        for text in [
            panic_of(|| drop(S::state().with(|_| ()))).text,
            panic_of(|| drop(S::state().with_mut(|_| ()))).text,
            panic_of(|| S::state().reset()).text,
        ] {
            let says_so = text.contains("cannot be accessed any more");
            note(if says_so {
                "says so"
            } else {
                "says something else"
            });
        }
    }
    let checked = "[false, false, false, false, false, false]";
    let all = [checked, "says so", "says so", "says so"];
    let expected = [
        &["drop S"],
        &all[..],
        &["make H", "drop H"],
        &all[..],
        &["drop F"],
        &all[..],
    ]
    .concat();
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        at_drop(|| {
            check::<S>();
            H.touch();
        });
        H.at_drop(check::<S>);
        F.at_drop(check::<S>);
    });
    // Made in a destructor, it has the same end.
    let expected = [&["drop G", "make S", "drop S", "drop F"], &all[..]].concat();
    assert_end::<S>(&expected, || {
        F.touch();
        G.touch();
        G.at_drop(|| assert!(S::make()));
        F.at_drop(check::<S>);
    });
}

fn a_value_reset_and_made_again_keeps_its_place_among_foreign_ones<
    S: Subject + ThreadLocalState,
>() {
    assert_end::<S>(&["drop G", "G finds S", "drop S", "drop F"], || {
        F.touch();
        S::make();
        S::state().reset();
        G.touch();
        S::make();
        G.at_drop(|| look::<S>("G"));
    });
    assert_end::<S>(&["drop G", "drop F", "F finds S", "drop S"], || {
        S::make();
        F.touch();
        for _ in 0..3 {
            assert!(S::state().reset());
            S::make();
        }
        G.touch();
        F.at_drop(|| look::<S>("F"));
    });
}

/// Makes another state, which notes when it is dropped.
pub(crate) fn make_newer() {
    Newer::CLAPPER.with(|_| ());
}

#[thread_local_state]
struct Newer {
    #[state(init = Clapper)]
    clapper: Clapper,
}

struct Clapper;

impl Drop for Clapper {
    fn drop(&mut self) {
        note("drop N");
    }
}

fn a_value_made_again_goes_with_a_newer_state_that_goes_sooner<S: Subject + ThreadLocalState>() {
    let expected = [
        "drop H",
        "H finds S",
        "drop S",
        "S finds G",
        "drop N",
        "drop G",
        "G misses S",
        "drop F",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        make_newer();
        H.touch();
        S::state().reset();
        S::make();
        H.at_drop(|| look::<S>("H"));
        G.at_drop(|| look::<S>("G"));
        at_drop(|| G.look("S"));
    });
    // The same with a newer state that is made in a destructor.
    let expected = [
        "drop H",
        "drop S",
        "make S",
        "drop S",
        "drop N",
        "drop G",
        "G misses S",
    ];
    assert_end::<S>(&expected, || {
        S::make();
        G.touch();
        H.touch();
        G.at_drop(|| look::<S>("G"));
        H.at_drop(|| {
            make_newer();
            assert!(S::state().reset() && S::make());
        });
    });
}

fn a_value_made_again_in_a_foreign_destructor_goes_in_its_old_turn<
    S: Subject + ThreadLocalState,
>() {
    let expected = [
        "drop G",
        "drop S",
        "make S",
        "G finds S",
        "drop F",
        "F finds S",
        "drop S",
    ];
    // Its turn is after that of `F`.
    assert_end::<S>(&expected, || {
        S::make();
        F.touch();
        G.touch();
        F.at_drop(|| look::<S>("F"));
        G.at_drop(|| {
            assert!(S::state().reset());
            look::<S>("G");
        });
    });
    // Reset before the end, and made again by the first destructor that uses it.
    let expected = [
        "drop H",
        "drop G",
        "make S",
        "G finds S",
        "drop S",
        "S finds F",
        "drop F",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        H.touch();
        S::state().reset();
        G.at_drop(|| look::<S>("G"));
        at_drop(|| F.look("S"));
    });
}

fn a_turn_that_passes_without_a_value_is_the_end<S: Subject + ThreadLocalState>() {
    assert_end::<S>(&["drop G", "drop F", "F misses S", "destroyed"], || {
        F.touch();
        S::make();
        G.touch();
        S::state().reset();
        F.at_drop(|| {
            look::<S>("F");
            note(why_refused::<S>());
        });
    });
}

fn a_first_value_that_is_a_fresh_one_takes_the_place<S: Subject + ThreadLocalState>() {
    assert_end::<S>(&["drop G", "drop S", "S finds F", "drop F"], || {
        F.touch();
        S::state().with_fresh(|| assert!(S::make()));
        G.touch();
        S::make();
        at_drop(|| F.look("S"));
    });
}

fn a_value_that_was_set_aside_keeps_its_place_among_foreign_ones<S: Subject + ThreadLocalState>() {
    assert_end::<S>(&["drop H", "drop G", "drop S", "drop F"], || {
        F.touch();
        S::make();
        G.touch();
        S::state().with_fresh(|| {
            H.touch();
            S::make();
        });
    });
}

fn a_fresh_value_in_a_foreign_destructor_takes_the_place_and_goes_with_the_function<
    S: Subject + ThreadLocalState,
>() {
    let expected = [
        "drop G",
        "make S",
        "G finds S",
        "drop S",
        "make S",
        "later finds S",
        "drop S",
        "drop F",
        "F misses S",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        G.touch();
        G.at_drop(|| {
            S::state().with_fresh(|| look::<S>("G"));
            look::<S>("later");
        });
        F.at_drop(|| look::<S>("F"));
    });
    // An older value is set aside, and comes back for its own turn.
    let expected = [
        "drop G",
        "make S",
        "G finds S",
        "drop S",
        "drop S",
        "drop F",
        "F misses S",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        G.at_drop(|| S::state().with_fresh(|| look::<S>("G")));
        F.at_drop(|| look::<S>("F"));
    });
}

fn a_value_may_be_made_reset_and_made_in_one_foreign_destructor<S: Subject + ThreadLocalState>() {
    let expected = [
        "drop G",
        "make S",
        "drop S",
        "make S",
        "G finds S",
        "drop S",
        "drop F",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        G.touch();
        G.at_drop(|| {
            S::make();
            S::state().reset();
            look::<S>("G");
        });
    });
}

/// States that need no drop.
mod plain {
    use tls_core::thread_local_state;

    #[thread_local_state]
    pub(super) struct Lazy {
        #[state(init = 7)]
        pub(super) number: u64,
    }

    #[thread_local_state(const)]
    pub(super) struct Constant {
        #[state(init = 7)]
        pub(super) number: u64,
    }

    #[thread_local_state(fork = reset)]
    pub(super) struct Forked {
        #[state(init = 7)]
        pub(super) number: u64,
    }

    #[thread_local_state]
    pub(super) struct Large {
        #[state(init = 7)]
        pub(super) number: u64,
        #[state(init = [7; 5000])]
        pub(super) bytes: [u8; 5000],
    }
}

fn plain_numbers() -> String {
    let numbers = [
        plain::Lazy::NUMBER.try_with(|number| *number).ok(),
        plain::Constant::NUMBER.try_with(|number| *number).ok(),
        plain::Forked::NUMBER.try_with(|number| *number).ok(),
        plain::Large::NUMBER
            .try_with(|number| *number + u64::from(plain::Large::BYTES.with(|bytes| bytes[4999])))
            .ok(),
    ];
    format!("{:?}", numbers.map(|number| number.unwrap_or(0)))
}

#[test]
fn a_state_without_a_destructor_is_there_to_the_end_unless_it_is_on_the_heap() {
    let events = recorded(|| {
        F.touch();
        assert_eq!(plain_numbers(), "[7, 7, 7, 14]");
        plain::Lazy::NUMBER.set(8);
        G.touch();
        F.at_drop(|| {
            note(plain_numbers());
            note(why_refused::<plain::Large>());
        });
        G.at_drop(|| note(plain_numbers()));
        noted();
    });
    let expected = [
        "drop G",
        "[8, 7, 7, 14]",
        "drop F",
        "[8, 7, 7, 0]",
        "destroyed",
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_state_without_a_destructor_may_be_first_used_in_a_foreign_one() {
    let events = recorded(|| {
        F.touch();
        G.touch();
        F.at_drop(|| note(plain_numbers()));
        G.at_drop(|| {
            note(plain_numbers());
            plain::Lazy::NUMBER.set(8);
            // It may be reset in any destructor as well.
            assert!(plain::Forked::state().reset());
        });
        noted();
    });
    // The large one, which has memory to give back, has gone before `F`.
    let expected = ["drop G", "[7, 7, 7, 14]", "drop F", "[8, 7, 7, 0]"];
    assert_eq!(events, expected);
}

#[test]
fn a_spare_stands_in_when_the_state_has_gone_and_not_before() {
    fn log(line: &str) {
        Lines::LINES.with_mut_or_else(
            || vec!["spare".into()],
            |lines: &mut Vec<String>| {
                lines.push(line.into());
                note(lines.join(" "));
            },
        );
    }
    let events = recorded(|| {
        F.touch();
        log("begin");
        G.touch();
        G.at_drop(|| log("G"));
        F.at_drop(|| log("F"));
        noted();
    });
    assert_eq!(events, ["drop G", "begin G", "drop F", "spare F"]);
    let events = recorded(|| {
        F.touch();
        G.touch();
        G.at_drop(|| log("G"));
        F.at_drop(|| log("F"));
        noted();
    });
    assert_eq!(events, ["drop G", "G", "drop F", "spare F"]);
}

#[thread_local_state]
struct Lines {
    lines: Vec<String>,
}

#[test]
fn a_use_that_is_refused_in_a_destructor_panics_at_its_own_line() {
    let events = recorded(|| {
        F.touch();
        Lines::LINES.with(|_| ());
        F.at_drop(|| {
            let line = line!() + 1;
            match try_panic_of(|| Lines::LINES.with(Vec::len)) {
                Ok(_) => note("no panic"),
                Err(panic) => {
                    note(panic.text);
                    assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
                }
            }
        });
        noted();
    });
    assert_eq!(events.len(), 2, "{events:?}");
    let words = "cannot be accessed any more, because its thread is exiting";
    assert!(events[1].contains(words), "{events:?}");
}

/// The suite's witness in a thread-local of the standard library's, which is dropped like any other.
#[test]
fn values_of_states_may_move_into_foreign_thread_locals() {
    let events = recorded(|| {
        thread_local!(static KEPT: RefCell<Vec<Witness>> = const { RefCell::new(Vec::new()) });
        KEPT.with(|_| ());
        Moved::WITNESS.with_mut(|witness| {
            let witness = std::mem::replace(witness, Witness::silent("second"));
            KEPT.with_borrow_mut(|kept| kept.push(witness));
        });
    });
    assert_eq!(events, ["drop second", "drop first"]);
}

#[thread_local_state]
struct Moved {
    #[state(init = Witness::silent("first"))]
    witness: Witness,
}
