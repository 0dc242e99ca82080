//! Handlers of the user's own, which the system calls before and after a fork, in an order that
//! depends on when they were registered: earlier ones after ours in the parent before the fork, and
//! *before* ours in the child.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;

use tls_core::shared::shared_fields;

use crate::kinds::{Inline, assert_own, assert_starts_anew, make_own};
use crate::shared::{Meter, count};
use crate::support::{alone, both, fork_here, in_child, is_child, noted, on_thread, scaled};

type Handler = unsafe extern "C" fn();

fn register(prepare: Handler, parent: Handler, child: Handler) {
    // SAFETY: functions of this program, which stay.
    let failed = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
    assert_eq!(failed, 0);
}

/// How often each has run.
static PREPARES: AtomicUsize = AtomicUsize::new(0);
static PARENTS: AtomicUsize = AtomicUsize::new(0);
static CHILDREN: AtomicUsize = AtomicUsize::new(0);
/// What the one in the child has found.
static FOUND: AtomicU64 = AtomicU64::new(0);
/// Whether handlers use values, too.
static WITH_VALUES: AtomicBool = AtomicBool::new(false);

fn total() {
    FOUND.store(Meter::DONE.total(), SeqCst);
    std::hint::black_box((
        Meter::LATENCY.total(),
        Meter::DONE.per_thread().into_rows(),
        Meter::state().live_threads(),
        shared_fields(),
    ));
}

/// Totals and writes, and uses a value.
fn handle(calls: &AtomicUsize) {
    calls.fetch_add(1, SeqCst);
    total();
    Meter::DONE.add(1000);
    total();
    if WITH_VALUES.load(SeqCst) {
        Inline::OTHER.set(1);
    }
}

extern "C" fn prepare() {
    handle(&PREPARES);
}

extern "C" fn parent() {
    handle(&PARENTS);
}

extern "C" fn child() {
    handle(&CHILDREN);
}

/// The whole story, with the user's handler registered before the first use or after it.
fn with_other_threads_totalling(is_before_first_use: bool) {
    if is_before_first_use {
        register(prepare, parent, child);
    }
    count(1);
    make_own::<Inline>(1);
    if !is_before_first_use {
        register(prepare, parent, child);
    }
    let stop = AtomicBool::new(false);
    let forks = scaled(50);
    thread::scope(|scope| {
        let stop = &stop;
        let noises: [fn(); 3] = [
            || {
                std::hint::black_box((Meter::DONE.total(), shared_fields()));
            },
            || {
                std::hint::black_box((
                    Meter::LATENCY.per_thread().into_rows(),
                    Meter::state().live_threads(),
                ));
            },
            || {
                on_thread(|| Meter::LATENCY.record(1));
            },
        ];
        for noise in noises {
            scope.spawn(move || {
                while !stop.load(SeqCst) {
                    noise();
                }
            });
        }
        let result = std::panic::catch_unwind(|| {
            for _ in 0..forks {
                let calls = CHILDREN.load(SeqCst);
                in_child(|| {
                    assert_eq!(CHILDREN.load(SeqCst), calls + 1);
                    let handlers = Meter::DONE.total();
                    // Ours is registered when the program is loaded, so it has run before.
                    assert_eq!(handlers, 1000);
                    assert_eq!(FOUND.load(SeqCst), 1000);
                    count(3);
                    assert_eq!(Meter::DONE.total(), handlers + 3);
                    assert_eq!(Meter::state().live_threads(), 1);
                    on_thread(|| count(2));
                    assert_eq!(Meter::DONE.total(), handlers + 5);
                    if WITH_VALUES.load(SeqCst) {
                        // The handler has made a new one.
                        assert_eq!(Inline::OTHER.get(), 1);
                        assert_eq!(Inline::with_state(crate::kinds::Kind::owner), "child");
                    } else {
                        assert_starts_anew::<Inline>();
                    }
                    assert!(!noted().iter().any(|line| line.ends_with("of parent")));
                });
            }
        });
        stop.store(true, SeqCst);
        result.unwrap();
    });
    assert!(!is_child());
    assert_own::<Inline>(1);
    assert_eq!(PREPARES.load(SeqCst), forks);
    assert_eq!(PARENTS.load(SeqCst), forks);
    assert_eq!(CHILDREN.load(SeqCst), 0);
    assert_eq!(Meter::DONE.total(), 1 + 2000 * forks as u64);
}

/// Fails, by a hang, if the lock that a vanished thread has held is overwritten by a handler
/// that comes later than the user's; or if a prepare handler of ours holds locks while the
/// user's runs.
#[test]
fn registered_before_ours_they_may_total_and_write() {
    alone(|| with_other_threads_totalling(true));
}

/// Fails if the counts and values of a handler that comes after ours are lost.
#[test]
fn registered_after_ours_they_may_total_and_write() {
    alone(|| with_other_threads_totalling(false));
}

/// As above, where handlers use values of the forking thread: of the parent's before our
/// handler has run, of the child's after.
#[test]
fn registered_before_ours_they_may_use_values() {
    alone(|| {
        WITH_VALUES.store(true, SeqCst);
        with_other_threads_totalling(true);
    });
}

/// As above.
#[test]
fn registered_after_ours_they_may_use_values() {
    alone(|| {
        WITH_VALUES.store(true, SeqCst);
        with_other_threads_totalling(false);
    });
}

/// What such handlers may do while the forking thread is inside of an access.
extern "C" fn try_everything() {
    assert_eq!(Inline::state().peek(|_| ()).ok().flatten(), None);
    assert!(Inline::state().try_with(|_| ()).is_err());
    assert!(Inline::state().try_reset().is_err());
    Inline::OTHER.update(|other| other + 1);
}

fn fork_inside_an_access() {
    both(|| {
        Inline::NUMBER.with_mut(|number| {
            fork_here();
            *number += 1;
            // Before the fork, and after it in each process.
            assert_eq!(Inline::OTHER.get(), 2);
        });
        if is_child() {
            assert_starts_anew::<Inline>();
        } else {
            assert_own::<Inline>(2);
        }
    });
    assert_eq!(noted(), [""; 0]);
}

/// Fails if the handler's access ends the one that was under way at the fork.
#[test]
fn registered_before_ours_they_may_use_the_value_inside_an_access() {
    alone(|| {
        register(try_everything, try_everything, try_everything);
        make_own::<Inline>(1);
        fork_inside_an_access();
    });
}

/// As above.
#[test]
fn registered_after_ours_they_may_use_the_value_inside_an_access() {
    alone(|| {
        make_own::<Inline>(1);
        register(try_everything, try_everything, try_everything);
        fork_inside_an_access();
    });
}

/// Fails if a handler that resets the value beforehand leaves something that is reset again.
#[test]
fn a_handler_that_resets_the_value_itself() {
    extern "C" fn nothing() {}

    extern "C" fn reset() {
        assert!(Inline::state().reset());
    }

    alone(|| {
        register(reset, nothing, nothing);
        make_own::<Inline>(1);
        in_child(|| {
            assert_starts_anew::<Inline>();
            assert!(Inline::state().reset());
        });
        assert!(!Inline::state().is_initialized());
        assert_eq!(
            noted(),
            [
                "parent drops Inline of parent",
                "child drops Inline of child"
            ]
        );
    });
}
