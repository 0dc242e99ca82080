//! What a thread's end does to its states, and what its destructors find.

use std::cell::Cell;

use tls_core::thread_local_state;

use crate::kinds::{Kind, START, Witness, for_each_kind, make, no_more_on_init, on_drop, on_init};
use crate::refusals::{Refusal, assert_refused, assert_reset_refused};
use crate::support::{
    lasting_thread_local, note, note_check, noted, on_thread, panic_of, recorded,
};

for_each_kind! {
    the_value_is_dropped_once_when_its_thread_ends
    its_own_destructor_is_refused_by_every_accessor
    a_foreign_destructor_that_runs_earlier_still_has_the_state
    a_state_first_used_in_a_foreign_destructor_is_dropped_as_well
    a_state_reset_before_the_end_is_not_dropped_again
    a_thread_that_rust_did_not_make_has_states_too
    a_borrow_that_a_panic_ended_does_not_keep_the_value_from_being_dropped
    a_value_made_before_and_one_made_in_a_destructor_are_both_dropped
}

/// A thread-local of the standard library's, whose destructor does what the test wants.
struct Foreign;

thread_local! {
    static FOREIGN: Foreign = const { Foreign };
}

lasting_thread_local! {
    static AT_END: Cell<Option<fn()>> = const { Cell::new(None) };
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Some(at_end) = AT_END.get() {
            at_end();
        }
    }
}

/// Touches the foreign thread-local. Destructors run in the reverse order of first touch, those of
/// states among them.
pub(crate) fn foreign_destructor(at_end: fn()) {
    AT_END.set(Some(at_end));
    FOREIGN.with(|_| ());
}

pub(crate) fn dropped<K: Kind>() -> String {
    format!("drop {}", K::NAME)
}

pub(crate) fn assert_destroyed<K: Kind>() {
    assert_refused::<K>(Refusal::Destroyed);
    assert_reset_refused::<K>(Refusal::Destroyed);
}

fn the_value_is_dropped_once_when_its_thread_ends<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        K::plain(K::ITEMS.with_mut(|items| items.push(1)));
        noted();
    });
    assert_eq!(events, [dropped::<K>()]);
    assert_eq!(
        recorded(|| assert!(!K::state().is_initialized())),
        [""; 0],
        "nothing was made"
    );
}

fn its_own_destructor_is_refused_by_every_accessor<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        on_drop(|_| {
            note_check("inside", assert_destroyed::<K>);
            note_check("fresh", || assert_eq!(K::state().with_fresh(|| 3), 3));
        });
        noted();
    });
    assert_eq!(
        events,
        [dropped::<K>(), "inside: ok".into(), "fresh: ok".into()]
    );
}

fn a_foreign_destructor_that_runs_earlier_still_has_the_state<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        foreign_destructor(|| {
            note_check("earlier", || {
                assert_eq!(K::plain(K::NUMBER.replace(1)), START);
                assert!(K::state().reset());
                make::<K>();
                assert_eq!(K::plain(K::NUMBER.get()), START);
            });
        });
        noted();
    });
    let mut expected = vec![dropped::<K>(), "earlier: ok".into(), dropped::<K>()];
    if K::RUNS_CODE {
        expected.insert(1, format!("make {}", K::NAME));
    }
    assert_eq!(events, expected);
}

fn a_state_first_used_in_a_foreign_destructor_is_dropped_as_well<K: Kind>() {
    let events = recorded(|| {
        foreign_destructor(|| {
            note_check("made", || {
                make::<K>();
                assert_eq!(K::plain(K::NUMBER.get()), START);
                noted();
            });
        });
    });
    assert_eq!(events, ["made: ok".into(), dropped::<K>()]);
}

fn a_state_reset_before_the_end_is_not_dropped_again<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        assert!(K::state().reset());
        noted();
    });
    assert_eq!(events, [""; 0]);
}

fn a_borrow_that_a_panic_ended_does_not_keep_the_value_from_being_dropped<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        panic_of(|| K::plain(K::with_state_mut(|_| K::plain(K::with_state(|_| ())))));
        panic_of(|| K::plain(K::NUMBER.with_mut(|_| panic!("inside"))));
        noted();
    });
    assert_eq!(events, [dropped::<K>()]);
}

fn a_value_made_before_and_one_made_in_a_destructor_are_both_dropped<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        Maker::INNER.with(|inner| inner.0.set(Some(make::<K>)));
        assert!(K::state().reset());
        noted();
    });
    let mut expected = vec!["drop Maker".into(), dropped::<K>()];
    if K::RUNS_CODE {
        expected.insert(1, format!("make {}", K::NAME));
    }
    assert_eq!(events, expected);
}

/// Makes a state when it is dropped.
#[derive(Default)]
struct MakeInDrop(Cell<Option<fn()>>);

impl Drop for MakeInDrop {
    fn drop(&mut self) {
        note("drop Maker");
        if let Some(make) = self.0.get() {
            make();
        }
    }
}

#[thread_local_state]
struct Maker {
    inner: MakeInDrop,
}

#[cfg(unix)]
fn a_thread_that_rust_did_not_make_has_states_too<K: Kind>() {
    use std::ffi::c_void;
    use std::ptr;
    use std::sync::Mutex;

    use crate::support::lock;

    extern "C" fn body<K: Kind>(events: *mut c_void) -> *mut c_void {
        // SAFETY: the creator passes a pointer to a mutex and waits for this thread's end.
        let events = unsafe { &*events.cast::<Mutex<Vec<String>>>() };
        thread_local!(static EVENTS: Cell<Option<*const Mutex<Vec<String>>>> = const { Cell::new(None) });
        EVENTS.set(Some(ptr::from_ref(events)));
        on_drop(|witness| {
            let events = EVENTS.get().unwrap();
            // SAFETY: as above; destructors run before the thread's end is reported.
            lock(unsafe { &*events }).push(format!("drop {}", witness.state));
        });
        make::<K>();
        let number = K::plain(K::NUMBER.get());
        lock(events).push(format!("number {number}"));
        ptr::null_mut()
    }

    let events = Mutex::new(Vec::<String>::new());
    let mut thread = std::mem::MaybeUninit::uninit();
    let argument = ptr::from_ref(&events).cast_mut().cast();
    // SAFETY: the argument outlives the thread, which is joined below.
    let created =
        unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), body::<K>, argument) };
    assert_eq!(created, 0);
    // SAFETY: `pthread_create` has succeeded.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: joined once.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
    assert_eq!(*lock(&events), [format!("number {START}"), dropped::<K>()]);
}

#[cfg(not(unix))]
fn a_thread_that_rust_did_not_make_has_states_too<K: Kind>() {
    make::<K>();
}

#[test]
fn an_initializer_may_leave_a_state_to_a_destructor() {
    // The initializer's own temporaries are dropped while the state is being made.
    on_thread(|| {
        on_init(|| {
            no_more_on_init();
            on_drop(|_| assert!(crate::kinds::Lazy::state().try_with(|_| ()).is_err()));
            drop(Witness::silent("temporary"));
            on_drop(|_| ());
            Ok(())
        });
        make::<crate::kinds::Lazy>();
    });
}
