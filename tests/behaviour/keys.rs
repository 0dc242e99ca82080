//! What is different where the runtime has one key of the operating system for all states: these go together, when
//! the C library destroys a thread's specific data, and so after the standard library's thread-locals.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::OnceLock;

use tls_core::{AccessError, Counter, thread_local_state};

use crate::kinds::{Constant, Lazy, START, Witness, make};
use crate::support::{note, note_check, recorded};

/// The rounds of key destructors that the C library grants.
const ROUNDS: usize = 4;

thread_local! {
    /// What another key's destructor calls in each round. No drop glue: it is there in all of them.
    static IN_ROUND: Cell<Option<fn(usize)>> = const { Cell::new(None) };
}

/// Calls a function in each round of key destructors of this thread, with the round's number.
fn in_rounds(f: fn(usize)) {
    fn set(round: usize) {
        static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();

        let key = *KEY.get_or_init(|| {
            let mut key = 0;
            // SAFETY: a valid place for a key, which is never deleted.
            let created = unsafe { libc::pthread_key_create(&raw mut key, Some(destroy)) };
            assert_eq!(created, 0);
            key
        });
        // SAFETY: the key is valid; the value is a number.
        let set = unsafe { libc::pthread_setspecific(key, ptr::without_provenance(round)) };
        assert_eq!(set, 0);
    }

    extern "C" fn destroy(round: *mut c_void) {
        let round = round.addr();
        if round < ROUNDS {
            set(round + 1);
        }
        if let Some(f) = IN_ROUND.get() {
            f(round);
        }
    }

    IN_ROUND.set(Some(f));
    set(1);
}

#[thread_local_state]
struct Plain {
    #[state(init = START)]
    number: u64,
}

#[thread_local_state]
struct Counted {
    #[state(shared)]
    all: Counter,
    #[state(init = Witness::silent("Counted"))]
    witness: Witness,
}

fn is_destroyed<R>(result: &Result<R, AccessError>) -> bool {
    matches!(result, Err(AccessError::Destroyed(_)))
}

#[test]
fn values_go_newest_first_after_the_standard_librarys_thread_locals() {
    struct Foreign;

    impl Drop for Foreign {
        fn drop(&mut self) {
            note("drop Foreign");
            note_check("states are there", || {
                assert_eq!(Lazy::NUMBER.get(), START);
                assert!(Constant::state().reset());
                make::<Constant>();
            });
        }
    }

    thread_local!(static FOREIGN: Foreign = const { Foreign });

    let events = recorded(|| {
        make::<Constant>();
        FOREIGN.with(|_| ());
        make::<Lazy>();
    });
    assert_eq!(
        events,
        [
            "make Lazy",
            "drop Foreign",
            "drop Constant",
            "states are there: ok",
            "drop Constant",
            "drop Lazy",
        ]
    );
}

#[test]
fn once_destroyed_a_state_is_destroyed_in_all_rounds_that_follow_with_and_without_a_destructor() {
    let events = recorded(|| {
        assert_eq!(Plain::NUMBER.get(), START);
        make::<Lazy>();
        in_rounds(|round| {
            let plain = Plain::NUMBER.try_with(|number| *number);
            let lazy = Lazy::NUMBER.try_with(|number| *number);
            assert_eq!(is_destroyed(&plain), is_destroyed(&lazy));
            // The order of two keys is that in which they were made, which is not known here.
            if round == 1 && plain.is_ok() {
                return;
            }
            note_check("destroyed", || {
                assert!(is_destroyed(&plain));
                assert!(is_destroyed(&Plain::state().try_reset()));
                assert!(!Plain::state().is_initialized());
                assert!(is_destroyed(&Plain::state().peek(|_| ())));
                assert_eq!(Plain::state().try_with_fresh(|| 3).ok(), Some(3));
                assert!(is_destroyed(&Plain::state().try_with_mut(|_| ())));
            });
        });
    });
    let destroyed = events
        .iter()
        .filter(|event| *event == "destroyed: ok")
        .count();
    assert!((ROUNDS - 1..=ROUNDS).contains(&destroyed), "{events:?}");
    assert_eq!(
        events.iter().filter(|event| *event == "drop Lazy").count(),
        1
    );
}

#[test]
fn a_value_first_made_in_any_round_but_the_last_is_dropped() {
    fn first_use_in<const ROUND: usize>() {
        let events = recorded(|| {
            in_rounds(|round| {
                if round == ROUND {
                    make::<Lazy>();
                    note("made");
                }
            });
        });
        let expected = ["make Lazy", "made", "drop Lazy"];
        // In the last round the runtime's key may come first.
        let dropped = events.len() - 2;
        assert_eq!(events, expected[..2 + dropped]);
        assert!(dropped == 1 || ROUND == ROUNDS);
    }

    first_use_in::<1>();
    first_use_in::<2>();
    first_use_in::<3>();
    first_use_in::<4>();
}

#[test]
fn a_count_of_any_round_is_in_the_total() {
    fn count_from<const ROUND: usize>() {
        let before = Counted::ALL.total();
        recorded(|| {
            in_rounds(|round| {
                if round >= ROUND {
                    Counted::ALL.increment();
                    let _ = Counted::WITNESS.try_with(|_| ());
                    assert!(Counted::ALL.total() > 0);
                }
            });
        });
        assert_eq!(Counted::ALL.total() - before, (ROUNDS - ROUND + 1) as u64);
    }

    count_from::<1>();
    count_from::<2>();
    count_from::<3>();
    count_from::<4>();
}
