//! What is different on Windows without native thread-locals, where the standard library destroys its own in
//! rounds and forgets that it has.

use std::cell::Cell;

use tls_core::{AccessError, Counter, thread_local_state};

use crate::kinds::{Lazy, START, make};
use crate::support::{lasting_thread_local, note, note_check, recorded};

#[thread_local_state]
struct Plain {
    #[state(init = START)]
    number: u64,
}

#[thread_local_state]
struct Counted {
    #[state(shared)]
    all: Counter,
}

/// Two that make each other in their destructors, so that those run in one round after another.
struct Ping;
struct Pong;

thread_local! {
    static PING: Ping = const { Ping };
    static PONG: Pong = const { Pong };
}

lasting_thread_local! {
    static PINGS: Cell<usize> = const { Cell::new(0) };
    static AT_PING: Cell<Option<fn(usize)>> = const { Cell::new(None) };
}

impl Drop for Ping {
    fn drop(&mut self) {
        PINGS.set(PINGS.get() + 1);
        if let Some(f) = AT_PING.get() {
            f(PINGS.get());
        }
        if PINGS.get() < 3 {
            PONG.with(|_| ());
        }
    }
}

impl Drop for Pong {
    fn drop(&mut self) {
        PING.with(|_| ());
    }
}

fn at_pings(f: fn(usize)) {
    AT_PING.set(Some(f));
    PING.with(|_| ());
}

#[test]
fn once_destroyed_a_state_is_destroyed_in_all_rounds_that_follow_with_and_without_a_destructor() {
    let events = recorded(|| {
        assert_eq!(Plain::NUMBER.get(), START);
        make::<Lazy>();
        at_pings(|round| {
            // In the first round either may come first.
            if round == 1 {
                return;
            }
            note_check("destroyed", || {
                let lazy = Lazy::NUMBER.try_with(|_| ());
                assert!(matches!(lazy, Err(AccessError::Destroyed(_))));
                let plain = Plain::NUMBER.try_with(|_| ());
                assert!(matches!(plain, Err(AccessError::Destroyed(_))));
                assert!(!Plain::state().is_initialized());
            });
        });
    });
    let expected = ["make Lazy", "drop Lazy", "destroyed: ok", "destroyed: ok"];
    assert_eq!(events, expected);
}

#[test]
fn a_value_first_made_in_a_later_round_is_dropped() {
    let events = recorded(|| {
        at_pings(|round| {
            if round == 2 {
                make::<Lazy>();
                note("made");
            }
        });
    });
    assert_eq!(events, ["make Lazy", "made", "drop Lazy"]);
}

#[test]
fn a_count_of_any_round_is_in_the_total() {
    let before = Counted::ALL.total();
    recorded(|| {
        Counted::ALL.increment();
        at_pings(|_| Counted::ALL.increment());
    });
    assert_eq!(Counted::ALL.total() - before, 4);
    assert_eq!(Counted::state().live_threads(), 0);
}
