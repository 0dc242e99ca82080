//! Writing and totaling in destructors of foreign thread-locals, also when the thread's block has
//! long been given back.

use std::cell::Cell;

use tls_core::shared::{Gauge, Part, Peak, UpDown};
use tls_core::{Counter, Histogram, thread_local_state};

use crate::support::{lasting_thread_local, note_check, on_thread, recorded, scaled};

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

/// Touches the foreign thread-local: destructors run in the reverse order of first touch.
fn at_end(f: fn()) {
    AT_END.set(Some(f));
    FOREIGN.with(|_| ());
}

macro_rules! states {
    ($($Name:ident)*) => {$(
        #[thread_local_state]
        struct $Name {
            #[state(shared)]
            counter: Counter,
            #[state(shared)]
            up_down: UpDown,
            #[state(shared)]
            gauge: Gauge,
            #[state(shared)]
            peak: Peak,
            #[state(shared)]
            histogram: Histogram,
            #[state(shared)]
            array: [Counter; 3],
            #[state(shared)]
            part: Part<Vec<u64>>,
            value: Vec<u8>,
        }

        impl $Name {
            /// What is written, in `times` rounds, must be in the totals at once, and at the end.
            fn write(times: u64) {
                for _ in 0..times {
                    let before = Self::totals();
                    Self::COUNTER.increment();
                    Self::UP_DOWN.decrement();
                    Self::GAUGE.set(9);
                    Self::PEAK.record(before.0 + 1);
                    Self::HISTOGRAM.record(2);
                    Self::ARRAY.at(2).add(3);
                    Self::PART.with_mut(|part| part.push(before.0));
                    let (count, ..) = before;
                    assert_eq!(Self::totals(), Self::expected(count + 1));
                    Self::assert_recorded();
                }
            }

            fn totals() -> (u64, i64, u64, u64, u64, [u64; 3]) {
                let histogram = Self::HISTOGRAM.total();
                (
                    Self::COUNTER.total(),
                    Self::UP_DOWN.total(),
                    Self::PEAK.total(),
                    histogram.count(),
                    histogram.sum(),
                    Self::ARRAY.total(),
                )
            }

            fn expected(times: u64) -> (u64, i64, u64, u64, u64, [u64; 3]) {
                (times, -times.cast_signed(), times, times, 2 * times, [0, 0, 3 * times])
            }

            fn assert_recorded() {
                let histogram = Self::HISTOGRAM.total();
                assert_eq!([0.0, 1.0].map(|q| histogram.quantile(q)), [2, 2]);
            }

            fn assert_exact(times: u64) {
                assert_eq!(Self::totals(), Self::expected(times));
                Self::assert_recorded();
                assert_eq!(Self::GAUGE.total(), 0);
                assert_eq!(Self::state().live_threads(), 0);
                assert!(Self::COUNTER.per_thread().into_rows().is_empty());
                let mut parts = Self::PART.take_parts().concat();
                parts.sort_unstable();
                assert!(parts.into_iter().eq(0..times));
            }
        }
    )*};
}

states! { Before After Repeated Only OnlyAfterOthers Value Chain }

#[test]
fn a_foreign_destructor_that_runs_before_the_block_is_given_back_writes_to_it() {
    let events = recorded(|| {
        Before::write(5);
        at_end(|| {
            note_check("write", || {
                Before::write(5);
                assert_eq!(Before::COUNTER.get(), 10);
                assert_eq!(
                    (Before::state().live_threads(), Before::GAUGE.total()),
                    (1, 9)
                );
            });
        });
    });
    assert_eq!(events, ["write: ok"]);
    Before::assert_exact(10);
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn a_foreign_destructor_that_runs_after_the_guard_has_finished_loses_nothing() {
    let events = recorded(|| {
        at_end(|| {
            note_check("write", || {
                assert_eq!(
                    After::state().live_threads(),
                    0,
                    "the block has been given back"
                );
                After::write(5);
                assert_eq!(After::state().live_threads(), 0, "and no other is taken");
                assert_eq!(
                    After::GAUGE.total(),
                    0,
                    "whose level is that of live threads"
                );
            });
        });
        After::write(5);
    });
    assert_eq!(events, ["write: ok"]);
    After::assert_exact(10);
}

#[test]
fn many_threads_that_write_until_the_last_lose_nothing() {
    let count = scaled(300) as u64;
    for _ in 0..count {
        let events = recorded(|| {
            at_end(|| note_check("write", || Repeated::write(2)));
            Repeated::write(1);
        });
        assert_eq!(events, ["write: ok"]);
    }
    Repeated::assert_exact(3 * count);
}

#[test]
fn a_thread_whose_only_writes_are_in_a_foreign_destructor_is_counted_and_retired() {
    let events = recorded(|| at_end(|| note_check("write", || Only::write(5))));
    assert_eq!(events, ["write: ok"]);
    Only::assert_exact(5);
}

/// The guard has finished on account of another state.
#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn a_state_first_written_to_after_the_guard_has_finished_loses_nothing() {
    let events = recorded(|| {
        at_end(|| {
            note_check("write", || {
                OnlyAfterOthers::write(5);
                assert_eq!(OnlyAfterOthers::state().live_threads(), 0);
            });
        });
        Others::COUNT.increment();
    });
    assert_eq!(events, ["write: ok"]);
    OnlyAfterOthers::assert_exact(5);
}

#[thread_local_state]
struct Others {
    #[state(shared)]
    count: Counter,
}

/// The value is gone and is not made again, writing goes on.
#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn writing_goes_on_when_the_value_has_been_destroyed() {
    let events = recorded(|| {
        at_end(|| {
            note_check("write", || {
                Value::write(5);
                Value::state().try_with(|_| ()).unwrap_err();
            });
        });
        Value::with_state(|state| {
            assert!(state.value.is_empty());
            Value::write(1);
        });
    });
    assert_eq!(events, ["write: ok"]);
    Value::assert_exact(6);
}

#[thread_local_state]
struct Taking {
    #[state(shared)]
    counter: Counter,
    #[state(shared)]
    histogram: Histogram,
    #[state(shared)]
    part: Part<Vec<u64>>,
}

#[test]
fn what_is_written_after_the_guard_has_finished_is_taken_once() {
    let events = recorded(|| {
        at_end(|| {
            note_check("take", || {
                assert_eq!(Taking::COUNTER.take_total(), 4);
                Taking::COUNTER.add(2);
                Taking::HISTOGRAM.record(3);
                assert_eq!(Taking::COUNTER.take_total(), 2);
                assert_eq!(Taking::HISTOGRAM.take_total().sum(), 10);
                Taking::COUNTER.add(1);
                Taking::PART.with_mut(|part| part.push(1));
                Taking::PART.with_mut(|part| part.push(2));
                assert_eq!(Taking::PART.take_parts().concat().len(), 2);
            });
        });
        Taking::COUNTER.add(4);
        Taking::HISTOGRAM.record(7);
    });
    assert_eq!(events, ["take: ok"]);
    assert_eq!(Taking::COUNTER.take_total(), 1);
    assert_eq!(Taking::COUNTER.total(), 7);
}

/// Makes the next of its kind, so that destructors run long after the guard's.
struct Link(u32);

macro_rules! links {
    ($($LINK:ident)*) => {
        thread_local! {
            $(static $LINK: Link = const { Link(0) };)*
        }

        lasting_thread_local! {
            static DEPTH: Cell<usize> = const { Cell::new(0) };
        }

        /// First touches, each made by the destructor of the one before.
        const LINKS: &[fn()] = &[$(|| $LINK.with(|link| assert_eq!(link.0, 0)),)*];
    };
}

links! { A B C D E F G H }

impl Drop for Link {
    fn drop(&mut self) {
        Chain::write(1);
        let depth = DEPTH.replace(DEPTH.get() + 1);
        if let Some(next) = LINKS.get(depth + 1) {
            next();
        }
    }
}

// Where Windows has no native thread-locals, the standard library calls destructors in five rounds, and leaves the rest.
#[test]
#[cfg_attr(all(windows, tls_core_keys), ignore = "there are more than rounds")]
fn destructors_that_bring_forth_others_lose_nothing() {
    on_thread(|| {
        LINKS[0]();
        Chain::write(1);
    });
    Chain::assert_exact(1 + LINKS.len() as u64);
}

#[thread_local_state]
struct Many {
    #[state(shared)]
    counter: Counter,
    #[state(shared)]
    histogram: Histogram,
    #[state(shared)]
    part: Part<Vec<u64>>,
}

/// At the same time, in the same places, and each totals as well.
#[test]
fn threads_that_write_to_the_exited_part_at_once_lose_nothing() {
    const THREADS: usize = 8;
    let rounds = scaled(50);
    for _ in 0..rounds {
        let threads = [(); THREADS].map(|()| {
            std::thread::spawn(|| {
                at_end(|| {
                    for _ in 0..100 {
                        Many::COUNTER.increment();
                        Many::HISTOGRAM.record(3);
                        Many::PART.with_mut(|part| part.push(Many::COUNTER.total()));
                    }
                });
                Many::COUNTER.increment();
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    }
    let threads = (THREADS * rounds) as u64;
    assert_eq!(Many::COUNTER.total(), 101 * threads);
    assert_eq!(Many::HISTOGRAM.total().sum(), 300 * threads);
    let parts = Many::PART.take_parts();
    assert_eq!(parts.concat().len() as u64, 100 * threads);
}

#[cfg(unix)]
#[thread_local_state]
struct NotRusts {
    #[state(shared)]
    count: Counter,
    #[state(shared)]
    values: Histogram,
}

#[cfg(unix)]
#[test]
fn a_thread_that_rust_did_not_make_is_counted_listed_and_retired() {
    use std::ffi::c_void;
    use std::ptr;

    extern "C" fn run(_: *mut c_void) -> *mut c_void {
        NotRusts::COUNT.add(3);
        NotRusts::VALUES.record(4);
        let listed = NotRusts::COUNT.per_thread().into_rows();
        let is_listed = listed.len() == 1
            && listed[0].name.is_none()
            && listed[0].value == 3
            && listed[0].thread == std::thread::current().id();
        ptr::without_provenance_mut(usize::from(is_listed))
    }

    for round in 1..=3 {
        let mut thread = std::mem::MaybeUninit::uninit();
        // SAFETY: the place is valid, and the function does not unwind.
        let error =
            unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), run, ptr::null_mut()) };
        assert_eq!(error, 0);
        // SAFETY: it has been created.
        let thread = unsafe { thread.assume_init() };
        let mut result = ptr::null_mut();
        // SAFETY: it is joined once.
        let error = unsafe { libc::pthread_join(thread, &raw mut result) };
        assert_eq!((error, result.addr()), (0, 1));
        assert_eq!(NotRusts::COUNT.total(), 3 * round);
        assert_eq!(NotRusts::VALUES.total().sum(), 4 * round);
        assert_eq!(NotRusts::state().live_threads(), 0);
    }
}
