//! The destructors of keys for thread-specific data, which the C library calls in rounds.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::OnceLock;

use tls_core::{Counter, thread_local_state};

use crate::kinds::Witness;
#[cfg(all(target_os = "linux", target_env = "gnu", not(tls_core_keys)))]
use crate::kinds::{Lazy, make};
use crate::support::recorded;

/// The rounds of key destructors that the C library grants.
pub(crate) const ROUNDS: usize = 4;

thread_local! {
    /// What another key's destructor calls in each round. No drop glue: it is there in all of them.
    static IN_ROUND: Cell<Option<fn(usize)>> = const { Cell::new(None) };
}

/// A key with this destructor, made on first use and never deleted.
pub(crate) fn key(
    of: &'static OnceLock<libc::pthread_key_t>,
    destroy: extern "C" fn(*mut c_void),
) -> libc::pthread_key_t {
    *of.get_or_init(|| {
        let mut key = 0;
        // SAFETY: a valid place for a key.
        let created = unsafe { libc::pthread_key_create(&raw mut key, Some(destroy)) };
        assert_eq!(created, 0);
        key
    })
}

/// Calls a function in each round of key destructors of this thread, with the round's number.
pub(crate) fn in_rounds(f: fn(usize)) {
    fn set(round: usize) {
        static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();

        let key = key(&KEY, destroy);
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
struct Counted {
    #[state(shared)]
    all: Counter,
    #[state(init = Witness::silent("Counted"))]
    witness: Witness,
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

#[test]
fn a_thread_that_counts_in_any_round_but_the_last_is_not_live_any_more() {
    fn count_in<const ROUND: usize>() {
        recorded(|| {
            Live::ALL.increment();
            in_rounds(|round| {
                if round == ROUND {
                    Live::ALL.increment();
                }
            });
        });
        assert_eq!(Live::state().live_threads(), 0);
    }

    count_in::<1>();
    count_in::<2>();
    count_in::<3>();
}

#[thread_local_state]
struct Live {
    #[state(shared)]
    all: Counter,
    #[state(init = Witness::silent("Live"))]
    witness: Witness,
}

/// glibc's destructors of thread-locals have been called by then, and nobody would call another.
#[cfg(all(target_os = "linux", target_env = "gnu", not(tls_core_keys)))]
#[test]
fn a_state_made_in_any_round_but_the_last_is_dropped_if_the_thread_had_states_before() {
    fn first_use_in<const ROUND: usize>() {
        let events = recorded(|| {
            make::<Lazy>();
            in_rounds(|round| {
                if round == ROUND {
                    Late::WITNESS.with(|_| ());
                }
            });
        });
        assert_eq!(events, ["make Lazy", "drop Lazy", "drop Late"]);
    }

    first_use_in::<1>();
    first_use_in::<2>();
    first_use_in::<3>();
}

#[cfg(all(target_os = "linux", target_env = "gnu", not(tls_core_keys)))]
#[thread_local_state]
struct Late {
    #[state(init = Witness::silent("Late"))]
    witness: Witness,
}
