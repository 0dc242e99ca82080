//! Forks while other threads are in the middle of something.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use tls_core::shared::{Part, shared_fields};
use tls_core::{Counter, thread_local_state};

use crate::kinds::{Inline, Large, LargePlain, Plain, assert_own, assert_starts_anew, make_own};
use crate::shared::{Meter, assert_counted, assert_nothing_counted, count};
use crate::support::{alone, in_child, is_child, on_thread, scaled, until};

#[thread_local_state(fork = reset)]
struct Busy {
    #[state(shared)]
    parts: Part<Vec<u64>>,
    #[state(shared)]
    rounds: Counter,
    number: u64,
}

/// Forks many times while other threads do these things without pause. The child's checks
/// must hold, and be done in time.
fn storm(forks: usize, noises: &[fn()], checks: fn()) {
    let stop = AtomicBool::new(false);
    let rounds = AtomicUsize::new(0);
    thread::scope(|scope| {
        for noise in noises {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    noise();
                    rounds.fetch_add(1, SeqCst);
                }
            });
        }
        let result = std::panic::catch_unwind(|| {
            for _ in 0..scaled(forks) {
                // Not all forks in the same lull.
                let before = rounds.load(SeqCst);
                until(|| rounds.load(SeqCst) > before);
                in_child(checks);
            }
        });
        assert!(!is_child());
        stop.store(true, SeqCst);
        if let Err(payload) = result {
            std::panic::resume_unwind(payload);
        }
    });
}

fn total_everything() {
    std::hint::black_box((
        Meter::DONE.total(),
        Meter::LATENCY.total(),
        Meter::BY_STATUS.total(),
        Meter::DONE.per_thread().into_rows(),
        Meter::LATENCY.per_thread().into_rows(),
        Meter::state().live_threads(),
    ));
    std::hint::black_box(shared_fields());
}

fn register_and_retire() {
    on_thread(|| count(1));
}

fn register_and_retire_many() {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                count(1);
                Busy::PARTS.with_mut(|part| part.push(1));
            });
        }
    });
}

fn take() {
    std::hint::black_box((
        Meter::DONE.take_total(),
        Meter::LATENCY.take_total(),
        Busy::PARTS.take_parts(),
    ));
}

fn use_a_part() {
    Busy::PARTS.with_mut(|part| {
        part.push(1);
        Busy::ROUNDS.increment();
    });
}

fn make_and_drop_values() {
    on_thread(|| {
        Busy::NUMBER.set(1);
        Plain::NUMBER.set(1);
        LargePlain::NUMBER.set(1);
        LargePlain::state().reset();
    });
}

/// A child that works like any process.
fn works() {
    assert_nothing_counted();
    assert!(Busy::PARTS.take_parts().is_empty());
    count(3);
    assert_counted(&[3]);
    assert_eq!(Meter::state().live_threads(), 1);
    Busy::PARTS.with_mut(|part| part.push(7));
    on_thread(|| {
        count(2);
        assert_counted(&[3, 2]);
        Busy::PARTS.with_mut(|part| part.push(8));
    });
    assert_eq!(Meter::DONE.total(), 5);
    assert_eq!(Meter::state().live_threads(), 1);
    let mut parts = Busy::PARTS.take_parts().concat();
    parts.sort_unstable();
    assert_eq!(parts, [7, 8]);
    assert_starts_anew::<Inline>();
}

/// Fails, by a hang, if the child inherits a lock that a vanished thread has held.
#[test]
fn while_another_thread_totals() {
    alone(|| {
        make_own::<Inline>(1);
        count(1);
        storm(200, &[total_everything, total_everything], works);
        assert_own::<Inline>(1);
        assert_counted(&[1]);
    });
}

/// As above, with a list of blocks that is in the middle of a change.
#[test]
fn while_other_threads_register_and_retire() {
    alone(|| {
        make_own::<Inline>(1);
        storm(200, &[register_and_retire, register_and_retire_many], works);
        assert_own::<Inline>(1);
        // The scope that started them has not waited for their destructors.
        until(|| Meter::state().live_threads() == 0);
        assert_eq!(Meter::DONE.total(), Meter::LATENCY.total().count());
    });
}

/// As above, with everything at once.
#[test]
fn while_other_threads_do_everything_at_once() {
    alone(|| {
        make_own::<Inline>(1);
        let noises = [
            total_everything,
            register_and_retire,
            register_and_retire_many,
            take,
            use_a_part,
            make_and_drop_values,
        ];
        storm(200, &noises, works);
        assert_own::<Inline>(1);
    });
}

/// As above; the forking thread is inside of its own part, and of an access.
#[test]
fn inside_a_part_while_other_threads_use_theirs() {
    alone(|| {
        make_own::<Inline>(1);
        Inline::NUMBER.with_mut(|number| {
            Busy::PARTS.with_mut(|part| {
                part.push(5);
                // Nobody takes, because that waits for the part that is in use here.
                storm(100, &[use_a_part, register_and_retire_many], || {
                    assert!(Busy::PARTS.take_parts().is_empty());
                    Busy::PARTS.with_mut(|part| {
                        assert!(part.is_empty());
                        part.push(6);
                    });
                    assert_eq!(Busy::PARTS.take_parts().concat(), [6]);
                    count(2);
                    assert_counted(&[2]);
                });
            });
            *number += 1;
        });
        assert_own::<Inline>(2);
    });
}

/// Fails if two forks at a time disturb each other, or if the handler takes the wrong thread
/// for the one that forks.
#[test]
fn several_threads_fork_at_once() {
    alone(|| {
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for number in 0..4 {
                let barrier = &barrier;
                scope.spawn(move || {
                    make_own::<Inline>(number);
                    make_own::<Large>(number);
                    count(1);
                    barrier.wait();
                    for _ in 0..scaled(50) {
                        in_child(|| {
                            assert_starts_anew::<Large>();
                            works();
                        });
                        assert_own::<Inline>(number);
                        assert_own::<Large>(number);
                        assert_eq!(Meter::DONE.get(), 1);
                    }
                    barrier.wait();
                });
            }
        });
        assert_eq!(Meter::DONE.total(), 4);
    });
}

macro_rules! many_states {
    ($($Name:ident)*) => {
        $(#[thread_local_state(fork = reset)]
        struct $Name {
            #[state(shared)]
            count: Counter,
        })*

        const TOTALS: &[fn() -> u64] = &[$(|| $Name::COUNT.total()),*];
    };
}

many_states! {
    A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9
    C0 C1 C2 C3 C4 C5 C6 C7 C8 C9 D0 D1 D2 D3 D4 D5 D6 D7 D8 D9
}

fn total_all() {
    for total in TOTALS {
        assert_eq!(total(), 0);
    }
}

/// Fails, by a hang, if the child inherits the lock of a registry that is not known yet.
/// That is a matter of nanoseconds, so it takes many registries and forks to meet it.
#[test]
fn while_another_thread_totals_states_for_the_first_time() {
    alone(|| {
        for attempt in 0..scaled(400) {
            // A child in which nothing has been used.
            in_child(|| {
                let has_started = AtomicBool::new(false);
                thread::scope(|scope| {
                    scope.spawn(|| {
                        has_started.store(true, SeqCst);
                        // Somewhere in the midst of the fork.
                        for _ in 0..attempt * 10 {
                            std::hint::spin_loop();
                        }
                        total_all();
                    });
                    while !has_started.load(SeqCst) {
                        std::hint::spin_loop();
                    }
                    in_child(total_all);
                });
            });
        }
    });
}

/// Fails if the very first use, which happens once in a process, can be caught half done.
#[test]
fn while_other_threads_use_it_for_the_first_time() {
    alone(|| {
        for _ in 0..scaled(100) {
            // A child in which nothing has been used, so that its threads are the first.
            in_child(|| {
                let start = Barrier::new(3);
                thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| {
                            start.wait();
                            count(1);
                            Busy::PARTS.with_mut(|part| part.push(1));
                            Inline::NUMBER.set(1);
                        });
                    }
                    start.wait();
                    in_child(works);
                });
                assert_eq!(Meter::DONE.total(), 2);
            });
        }
    });
}
