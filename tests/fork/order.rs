//! The order of destruction at thread exit, in a child, where some states have left it.

use std::cell::Cell;

use tls_core::{AccessError, Counter, thread_local_state};

use crate::kinds::{Token as _, Witness};
use crate::support::{
    Child, Ending, OnDrop, alone, fork, is_child, noted, on_thread_until, scaled,
};

/// The name of a bell, and what it does when it is dropped.
type OnBell = (&'static str, fn());

thread_local! {
    static ON_DROP: Cell<Option<OnBell>> = const { Cell::new(None) };
}

/// Runs the thread's hook when the state of its name is dropped, before that is noted.
struct Bell(&'static str, Witness);

impl Bell {
    fn new(name: &'static str) -> Self {
        Self(name, Witness::new(name))
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if let Some((name, hook)) = ON_DROP.get()
            && name == self.0
        {
            ON_DROP.set(None);
            hook();
        }
    }
}

/// Calls a function in a destructor of the standard library's.
type Last = OnDrop<fn()>;

macro_rules! states {
    ($($Name:ident $fork:ident,)*) => {
        $(#[thread_local_state(fork = $fork)]
        struct $Name {
            #[state(init = Bell::new(stringify!($Name)))]
            bell: Bell,
        })*

        /// Each with its name, whether a child keeps it, and what makes it.
        const STATES: &[State] = &[$(State {
            name: stringify!($Name),
            is_kept: matches!(stringify!($fork).as_bytes(), b"keep"),
            make: || $Name::BELL.with(|_| ()),
            exists: || $Name::state().is_initialized(),
            reset: || $Name::state().reset(),
        }),*];
    };
}

struct State {
    name: &'static str,
    is_kept: bool,
    make: fn(),
    exists: fn() -> bool,
    reset: fn() -> bool,
}

states! {
    K0 keep,
    R1 reset,
    K2 keep,
    R3 reset,
    R4 reset,
    K5 keep,
    R6 reset,
}

fn by(who: &str, since: usize) -> Vec<String> {
    noted()
        .into_iter()
        .skip(since)
        .filter(|line| line.starts_with(&format!("{who} drops")))
        .collect()
}

/// A generator of numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    /// Some of the states in any order.
    fn some(&mut self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..STATES.len()).collect();
        let count = self.below(all.len() + 1);
        (0..count)
            .map(|_| all.swap_remove(self.below(all.len())))
            .collect()
    }
}

/// Fails if the handler loses the neighbors of what it takes out of the list, or if a state
/// that is made again takes its old place.
#[test]
fn what_remains_is_dropped_in_the_usual_order() {
    alone(|| {
        let mut numbers = Numbers(11);
        for _ in 0..scaled(150) {
            let before_fork = numbers.some();
            let made_again = numbers.some();
            let reset_again = numbers.some();
            let since = noted().len();
            let (made, again, reset) =
                (before_fork.clone(), made_again.clone(), reset_again.clone());
            on_thread_until(Ending::Return, move || {
                for &index in &made {
                    (STATES[index].make)();
                }
                let child = fork();
                if child.is_none() {
                    for (index, state) in STATES.iter().enumerate() {
                        assert_eq!((state.exists)(), state.is_kept && made.contains(&index));
                    }
                    for &index in &again {
                        (STATES[index].make)();
                    }
                    for &index in &reset {
                        (STATES[index].reset)();
                    }
                }
                child
            });
            // The model.
            let mut left: Vec<(usize, &str)> = before_fork
                .iter()
                .filter(|&&index| STATES[index].is_kept)
                .map(|&index| (index, "parent"))
                .collect();
            for &index in &made_again {
                if !left.iter().any(|&(there, _)| there == index) {
                    left.push((index, "child"));
                }
            }
            let line =
                |(index, of): (usize, &str)| format!("child drops {} of {of}", STATES[index].name);
            let mut expected: Vec<String> = Vec::new();
            for &index in &reset_again {
                if let Some(place) = left.iter().position(|&(there, _)| there == index) {
                    expected.push(line(left.remove(place)));
                }
            }
            expected.extend(left.into_iter().rev().map(line));
            assert_eq!(
                by("child", since),
                expected,
                "{before_fork:?}, {made_again:?}"
            );
            let expected: Vec<_> = before_fork
                .iter()
                .rev()
                .map(|&index| format!("parent drops {} of parent", STATES[index].name))
                .collect();
            assert_eq!(by("parent", since), expected);
        }
    });
}

/// Fails if teardown goes by a list that it has read before the fork: the child would drop
/// what it has inherited.
#[test]
fn fork_in_a_destructor_at_thread_exit() {
    alone(|| {
        crate::support::on_thread(|| {
            K0::BELL.with(|_| ());
            R1::BELL.with(|_| ());
            K2::BELL.with(|_| ());
            R3::BELL.with(|_| ());
            R4::BELL.with(|_| ());
            ON_DROP.set(Some(("R3", || {
                let child = fork();
                if let Some(child) = child {
                    return child.succeed();
                }
                crate::support::checked(|| {
                    assert!(!R1::state().is_initialized());
                    assert!(K2::state().is_initialized());
                    // Its own destructor runs.
                    assert!(matches!(
                        R3::state().try_with(|_| ()),
                        Err(AccessError::Destroyed(_))
                    ));
                    R6::BELL.with(|_| ());
                });
            })));
        });
        assert_eq!(
            by("child", 0),
            [
                // It was on its way already.
                "child drops R3 of parent",
                "child drops R6 of child",
                "child drops K2 of parent",
                "child drops K0 of parent",
            ]
        );
        assert_eq!(
            by("parent", 0),
            [
                "parent drops R4 of parent",
                "parent drops R3 of parent",
                "parent drops K2 of parent",
                "parent drops R1 of parent",
                "parent drops K0 of parent",
            ]
        );
    });
}

/// Fails if the fork is noted in a slot that has no value, and hits the next one.
#[test]
fn fork_in_the_destructor_that_a_reset_runs() {
    alone(|| {
        K0::BELL.with(|_| ());
        R1::BELL.with(|_| ());
        R3::BELL.with(|_| ());
        ON_DROP.set(Some(("R1", || {
            let child = fork();
            if let Some(child) = child {
                return child.succeed();
            }
            crate::support::checked(|| {
                assert!(K0::state().is_initialized());
                assert!(!R1::state().is_initialized() && !R3::state().is_initialized());
                R1::BELL.with(|bell| assert_eq!(bell.1.owner(), "child"));
                assert!(R1::state().reset());
                R1::BELL.with(|_| ());
                assert!(R1::state().is_initialized());
            });
            crate::support::end_at_once(0);
        })));
        assert!(R1::state().reset());
        assert!(R3::state().is_initialized() && !R1::state().is_initialized());
        assert_eq!(
            noted(),
            ["child drops R1 of child", "parent drops R1 of parent"]
        );
    });
}

#[thread_local_state(fork = reset)]
struct Plain {
    #[state(init = 1)]
    number: u64,
}

/// Fails if a value that needs no destructor, and so outlives all of them, is lost track of when
/// the thread has gone through its list.
#[test]
fn fork_in_a_foreign_destructor_after_the_threads_states() {
    thread_local! {
        static EARLY: Cell<Option<Last>> = const { Cell::new(None) };
        static LATE: Cell<Option<Last>> = const { Cell::new(None) };
    }

    fn fork_and_look() {
        assert_eq!(Plain::NUMBER.get(), 5);
        if let Some(child) = fork() {
            return child.succeed();
        }
        crate::support::checked(|| {
            assert!(!Plain::state().is_initialized());
            assert_eq!(Plain::NUMBER.get(), 1);
        });
        crate::support::end_at_once(0);
    }

    alone(|| {
        crate::support::on_thread(|| {
            EARLY.set(Some(OnDrop(fork_and_look)));
            Plain::NUMBER.set(5);
            K0::BELL.with(|_| ());
            LATE.set(Some(OnDrop(fork_and_look)));
        });
    });
}

/// As above, where the value is made only then.
#[test]
fn a_value_that_is_made_after_the_threads_states_are_gone() {
    thread_local! {
        static EARLY: Cell<Option<Last>> = const { Cell::new(None) };
    }

    fn make_fork_and_look() {
        assert!(!Plain::state().is_initialized());
        Plain::NUMBER.set(5);
        if let Some(child) = fork() {
            return child.succeed();
        }
        crate::support::checked(|| {
            assert!(!Plain::state().is_initialized());
            assert_eq!(Plain::NUMBER.get(), 1);
        });
        crate::support::end_at_once(0);
    }

    alone(|| {
        crate::support::on_thread(|| {
            EARLY.set(Some(OnDrop(make_fork_and_look)));
            K0::BELL.with(|_| ());
        });
    });
}

#[thread_local_state(fork = reset)]
struct Counting {
    #[state(shared)]
    drops: Counter,
    #[state(init = Bell::new("Counting"))]
    bell: Bell,
}

impl Drop for Counting {
    fn drop(&mut self) {
        Self::DROPS.increment();
    }
}

/// Fails if the child, whose thread is past the point where it registers, counts into the
/// block that its parent has retired, or registers one that nobody retires.
#[test]
fn fork_in_a_foreign_destructor_before_and_after_the_threads_states() {
    thread_local! {
        static EARLY: Cell<Option<Last>> = const { Cell::new(None) };
        static LATE: Cell<Option<Last>> = const { Cell::new(None) };
    }
    fn fork_and_count() {
        let before = Counting::DROPS.total();
        let child: Option<Child> = fork();
        if let Some(child) = child {
            child.succeed();
            assert_eq!(Counting::DROPS.total(), before);
            Counting::DROPS.add(10);
            assert_eq!(Counting::DROPS.total(), before + 10);
            return;
        }
        crate::support::checked(|| {
            assert_eq!(Counting::DROPS.total(), 0);
            Counting::DROPS.add(3);
            assert_eq!(Counting::DROPS.total(), 3);
            assert_eq!(
                Counting::state().live_threads(),
                Counting::DROPS.per_thread().into_rows().len()
            );
            // A value can be made or it cannot, but not the parent's be found.
            let made = Counting::state().try_with(|state| state.bell.1.owner());
            assert!(matches!(made, Ok("child") | Err(AccessError::Destroyed(_))));
        });
        crate::support::end_at_once(0);
    }

    alone(|| {
        // Destructors run in one order or the other; this covers both ends.
        crate::support::on_thread(|| {
            EARLY.set(Some(OnDrop(fork_and_count)));
            Counting::BELL.with(|_| ());
            Counting::DROPS.add(1);
            LATE.set(Some(OnDrop(fork_and_count)));
        });
        assert!(!is_child());
        assert_eq!(Counting::DROPS.total(), 1 + 10 + 1 + 10);
        assert_eq!(Counting::state().live_threads(), 0);
        assert_eq!(by("child", 0), [""; 0]);
    });
}
