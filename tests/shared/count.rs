//! What the checks ask of shared values, so that naive ones can be checked as well.

use std::fmt::Debug;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;

/// Counts: every thread adds, all can total.
pub(crate) trait Count: 'static {
    fn add_one();

    /// What all threads have added, the exited ones included.
    fn total() -> u64;
}

/// Hands out what has come since it last did.
pub(crate) trait Take: Count {
    fn take_total() -> u64;
}

/// A value that every thread sets. The total is the sum over live threads.
pub(crate) trait Level: 'static {
    fn set(level: i64);

    fn total() -> i64;
}

/// Says why a check fails, unless it does not.
pub(crate) fn verify(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// [`verify`] for two values that have to be the same.
pub(crate) fn verify_eq<T: PartialEq + Debug + Copy>(
    is: T,
    ought: T,
    what: &str,
) -> Result<(), String> {
    verify(is == ought, || format!("{what}: {is:?}, not {ought:?}"))
}

/// Makes a test of a check, which is a function over a [`Count`] or a [`Take`] that returns a
/// `Result`, for each kind of shared value that is named. Every test has a state of its own, so that
/// they can run at the same time.
macro_rules! for_each_count {
    ($($check:ident($($kind:ident)*))*) => {$(
        mod $check {
            $(crate::count::count_test! { $kind $check })*
        }
    )*};
}

macro_rules! count_test {
    (counter $check:ident) => {
        #[::tls_core::thread_local_state]
        struct InCounter {
            #[state(shared)]
            count: ::tls_core::Counter,
        }

        impl crate::count::Count for InCounter {
            fn add_one() {
                Self::COUNT.increment();
            }

            fn total() -> u64 {
                Self::COUNT.total()
            }
        }

        impl crate::count::Take for InCounter {
            fn take_total() -> u64 {
                Self::COUNT.take_total()
            }
        }

        #[test]
        fn of_a_counter() {
            super::$check::<InCounter>().unwrap();
        }
    };
    (up_down $check:ident) => {
        #[::tls_core::thread_local_state]
        struct InUpDown {
            #[state(shared)]
            count: ::tls_core::shared::UpDown,
        }

        impl crate::count::Count for InUpDown {
            fn add_one() {
                Self::COUNT.increment();
            }

            fn total() -> u64 {
                Self::COUNT.total().try_into().unwrap()
            }
        }

        #[test]
        fn of_an_up_down() {
            super::$check::<InUpDown>().unwrap();
        }
    };
    (histogram $check:ident) => {
        #[::tls_core::thread_local_state]
        struct InHistogram {
            #[state(shared)]
            values: ::tls_core::Histogram,
        }

        impl crate::count::Count for InHistogram {
            fn add_one() {
                Self::VALUES.record(1_000_000);
            }

            fn total() -> u64 {
                Self::VALUES.total().count()
            }
        }

        impl crate::count::Take for InHistogram {
            fn take_total() -> u64 {
                Self::VALUES.take_total().count()
            }
        }

        #[test]
        fn of_a_histogram() {
            super::$check::<InHistogram>().unwrap();
        }
    };
    (array $check:ident) => {
        #[::tls_core::thread_local_state]
        struct InArray {
            // More than fit into a cache line.
            #[state(shared)]
            counts: [::tls_core::Counter; 20],
        }

        impl crate::count::Count for InArray {
            fn add_one() {
                Self::COUNTS.at(17).increment();
            }

            fn total() -> u64 {
                Self::COUNTS.total()[17]
            }
        }

        impl crate::count::Take for InArray {
            fn take_total() -> u64 {
                Self::COUNTS.at(17).take_total()
            }
        }

        #[test]
        fn of_an_array() {
            super::$check::<InArray>().unwrap();
        }
    };
}

pub(crate) use {count_test, for_each_count};

/// What threads wait at until it is opened.
///
/// Made of an atomic, as is [`Meeting`], because a race detector that has not seen the standard
/// library being compiled does not see through its locks.
#[derive(Default)]
pub(crate) struct Gate(AtomicBool);

impl Gate {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    pub(crate) fn open(&self) {
        self.0.store(true, Release);
    }

    pub(crate) fn pass(&self) {
        wait_until(|| self.0.load(Acquire));
    }
}

/// Where threads wait for each other. It can be used again.
pub(crate) struct Meeting {
    number: usize,
    arrived: AtomicUsize,
}

impl Meeting {
    pub(crate) const fn of(number: usize) -> Self {
        Self {
            number,
            arrived: AtomicUsize::new(0),
        }
    }

    pub(crate) fn wait(&self) {
        let before = self.arrived.fetch_add(1, AcqRel);
        let all = (before / self.number + 1) * self.number;
        wait_until(|| self.arrived.load(Acquire) >= all);
    }
}

/// Waits, without keeping others from what has to be done for it.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let mut pause = Duration::from_micros(10);
    while !holds() {
        thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(2));
    }
}
