//! Writing and totaling at every point of a state's life.

use std::cell::Cell;
use std::sync::Barrier;
use std::thread;

use tls_core::shared::{Gauge, Part, Peak, UpDown};
use tls_core::{AccessError, Counter, Histogram, thread_local_state};

use crate::support::{
    OnDrop, note, note_check, on_thread, panic_of, recorded, scaled, try_panic_of,
};

#[thread_local_state]
struct Untouched {
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
    part: Part<Vec<u8>>,
    #[state(init = unreachable!("nothing asks for the value"))]
    value: u64,
}

#[test]
fn writing_reading_and_totaling_never_make_the_value() {
    on_thread(|| {
        Untouched::COUNTER.add(2);
        Untouched::UP_DOWN.add(-2);
        Untouched::GAUGE.set(3);
        Untouched::PEAK.record(4);
        Untouched::HISTOGRAM.record(5);
        Untouched::PART.with_mut(|part| part.push(6));
        assert_eq!(Untouched::COUNTER.get(), 2);
        assert_eq!(Untouched::UP_DOWN.get(), -2);
        assert_eq!(Untouched::GAUGE.get(), 3);
        assert_eq!(Untouched::PEAK.get(), 4);
        assert_eq!(Untouched::HISTOGRAM.get().count(), 1);
        assert_eq!(Untouched::COUNTER.total(), 2);
        assert_eq!(Untouched::GAUGE.per_thread().into_rows().len(), 1);
        assert_eq!(Untouched::PART.take_parts(), [[6]]);
        assert!(!Untouched::state().is_initialized());
        assert!(
            Untouched::state()
                .peek(|state| state.value)
                .ok()
                .flatten()
                .is_none()
        );
    });
    assert_eq!(Untouched::COUNTER.total(), 2);
}

#[thread_local_state]
struct Unregistered {
    #[state(shared)]
    counter: Counter,
    #[state(shared)]
    counters: [UpDown; 2],
    #[state(shared)]
    histogram: Histogram,
    #[state(shared)]
    part: Part<Vec<u8>>,
    number: u64,
}

#[test]
fn a_thread_registers_with_its_first_write_and_not_by_reading_or_making_the_value() {
    on_thread(|| {
        Unregistered::NUMBER.set(1);
        Unregistered::with_state(|_| {
            assert_eq!(
                (
                    Unregistered::COUNTER.get(),
                    Unregistered::COUNTERS.at(1).get()
                ),
                (0, 0)
            );
            assert_eq!(Unregistered::HISTOGRAM.get().count(), 0);
        });
        assert_eq!(
            (Unregistered::COUNTER.get(), Unregistered::COUNTER.total()),
            (0, 0)
        );
        assert_eq!(Unregistered::COUNTERS.get(), [0, 0]);
        assert_eq!(Unregistered::COUNTERS.at(0).get(), 0);
        assert_eq!(Unregistered::HISTOGRAM.get().count(), 0);
        assert!(Unregistered::PART.take_parts().is_empty());
        assert!(Unregistered::COUNTER.per_thread().into_rows().is_empty());
        assert_eq!(Unregistered::state().live_threads(), 0);
        Unregistered::COUNTERS.at(1).decrement();
        assert_eq!(Unregistered::state().live_threads(), 1);
        assert!(Unregistered::state().reset());
        assert_eq!(
            Unregistered::state().live_threads(),
            1,
            "until the thread ends"
        );
    });
    assert_eq!(Unregistered::state().live_threads(), 0);
}

#[thread_local_state]
struct Inside {
    #[state(shared)]
    count: Counter,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    level: Gauge,
    number: u64,
}

#[test]
fn writing_and_totaling_inside_an_access_lose_nothing() {
    on_thread(|| {
        Inside::with_state(|_| {
            Inside::COUNT.increment();
            Inside::COUNT.increment();
            Inside::VALUES.record(3);
            assert_eq!(Inside::COUNT.total(), 2);
            assert_eq!(Inside::VALUES.total().sum(), 3);
            assert_eq!(Inside::COUNT.per_thread().into_rows()[0].value, 2);
        });
        Inside::with_state_mut(|state| {
            state.number += 1;
            Inside::COUNT.increment();
            Inside::COUNT.increment();
            Inside::LEVEL.set(4);
            assert_eq!((Inside::COUNT.total(), Inside::LEVEL.total()), (4, 4));
            state.number += 1;
        });
        Inside::NUMBER.with_mut(|number| {
            Inside::COUNT.add(*number);
            assert_eq!(Inside::COUNT.total(), 6);
        });
        Inside::NUMBER.scope(1, || Inside::COUNT.increment());
        let panicking = || {
            Inside::with_state_mut(|_| {
                Inside::COUNT.increment();
                panic!("on purpose");
            });
        };
        assert_eq!(panic_of(panicking).text, "on purpose");
        assert_eq!(Inside::COUNT.total(), 8);
    });
    assert_eq!(Inside::COUNT.total(), 8);
    assert_eq!(Inside::VALUES.total().count(), 1);
    assert_eq!(Inside::LEVEL.total(), 0);
}

#[thread_local_state]
struct Initializing {
    #[state(shared)]
    made: Counter,
    #[state(shared)]
    values: Histogram,
    #[state(init = {
        Initializing::MADE.increment();
        Initializing::MADE.add(10);
        Initializing::VALUES.record(7);
        (Initializing::MADE.total(), Initializing::MADE.per_thread().into_rows().len())
    })]
    seen: (u64, usize),
}

#[test]
fn writing_and_totaling_inside_an_initializer_lose_nothing() {
    on_thread(|| {
        assert_eq!(Initializing::SEEN.get(), (11, 1));
        assert!(Initializing::state().reset());
        assert_eq!(Initializing::SEEN.get(), (22, 1));
    });
    assert_eq!(Initializing::MADE.total(), 22);
    assert_eq!(Initializing::VALUES.total().sum(), 14);
}

#[derive(Debug, PartialEq)]
struct Failure;

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failure {}

thread_local! {
    static FAILS: Cell<bool> = const { Cell::new(true) };
}

#[thread_local_state(error = Failure)]
struct Failing {
    #[state(shared)]
    tries: Counter,
    #[state(shared)]
    level: Gauge,
    #[state(init = {
        Failing::TRIES.increment();
        Failing::LEVEL.set(5);
        if FAILS.get() { Err(Failure)? }
        3
    })]
    number: u64,
}

#[test]
fn what_a_failed_initializer_has_counted_is_kept_and_its_thread_is_listed() {
    on_thread(|| {
        Failing::NUMBER.get().unwrap_err();
        assert!(!Failing::state().is_initialized());
        assert_eq!(Failing::TRIES.total(), 1);
        assert_eq!(Failing::state().live_threads(), 1);
        let listed = Failing::TRIES.per_thread().into_rows();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].thread, std::thread::current().id());
        assert_eq!(listed[0].value, 1);
        assert!(matches!(
            Failing::state().try_with(|_| ()),
            Err(AccessError::Init(_))
        ));
        FAILS.set(false);
        assert_eq!(Failing::NUMBER.get(), Ok(3));
        assert_eq!(Failing::TRIES.get(), 3);
    });
    on_thread(|| Failing::NUMBER.get().unwrap_err());
    assert_eq!(Failing::TRIES.total(), 4);
    assert_eq!(Failing::LEVEL.total(), 0);
    assert_eq!(Failing::state().live_threads(), 0);
}

#[thread_local_state]
struct Panicking {
    #[state(shared)]
    tries: Counter,
    #[state(init = {
        Panicking::TRIES.increment();
        assert!(!FAILS.get(), "on purpose");
        3
    })]
    number: u64,
}

#[test]
fn what_a_panicking_initializer_has_counted_is_kept_and_its_thread_is_listed() {
    on_thread(|| {
        assert!(try_panic_of(|| Panicking::NUMBER.get()).is_err());
        assert_eq!(Panicking::TRIES.per_thread().into_rows().len(), 1);
        FAILS.set(false);
        assert_eq!(Panicking::NUMBER.get(), 3);
    });
    assert_eq!(Panicking::TRIES.total(), 2);
}

#[thread_local_state]
struct Dropping {
    #[state(shared)]
    drops: Counter,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    level: UpDown,
    #[state(init = OnDrop(|| Dropping::DROPS.add(100)))]
    bell: OnDrop<fn()>,
}

impl Drop for Dropping {
    fn drop(&mut self) {
        Self::DROPS.increment();
        Self::VALUES.record(Self::DROPS.get());
        Dropping::LEVEL.decrement();
        note_check("total", || {
            let total = Dropping::DROPS.total();
            assert_eq!((total, Self::DROPS.get()), (total, total));
            assert_eq!(Dropping::LEVEL.per_thread().into_rows().len(), 1);
        });
    }
}

#[test]
fn writing_and_totaling_inside_the_states_own_destructor_lose_nothing() {
    let events = recorded(|| {
        Dropping::BELL.with(|_| ());
        assert!(Dropping::state().reset());
        assert_eq!(Dropping::DROPS.get(), 101);
        Dropping::state().with_fresh(|| Dropping::BELL.with(|_| ()));
        assert_eq!(Dropping::DROPS.get(), 202);
        Dropping::BELL.with(|_| ());
        // And once more when the thread ends.
    });
    assert_eq!(events, ["total: ok"; 3]);
    assert_eq!(Dropping::DROPS.total(), 303);
    assert_eq!(Dropping::VALUES.total().sum(), 1 + 102 + 203);
    assert_eq!(Dropping::LEVEL.total(), -3);
    assert_eq!(Dropping::state().live_threads(), 0);
}

/// Registers when there is hardly any time left.
#[thread_local_state]
struct DroppingFirst {
    #[state(shared)]
    drops: Counter,
    #[state(init = OnDrop(|| DroppingFirst::DROPS.increment()))]
    bell: OnDrop<fn()>,
}

#[test]
#[cfg_attr(
    all(unix, tls_core_keys),
    ignore = "std knows the thread no more, which the panic hook hears"
)]
fn a_first_write_inside_the_states_own_destructor_is_kept() {
    for number in 1..=scaled(50) as u64 {
        on_thread(|| {
            DroppingFirst::BELL.with(|_| assert_eq!(DroppingFirst::state().live_threads(), 0));
        });
        assert_eq!(DroppingFirst::DROPS.total(), number);
        assert_eq!(DroppingFirst::state().live_threads(), 0);
    }
}

#[thread_local_state]
struct Older {
    #[state(shared)]
    count: Counter,
    #[state(init = OnDrop(|| {
        Older::COUNT.increment();
        Newer::COUNT.increment();
        note(format!("{} {}", Older::COUNT.total(), Newer::COUNT.total()));
    }))]
    bell: OnDrop<fn()>,
}

#[thread_local_state]
struct Newer {
    #[state(shared)]
    count: Counter,
    #[state(init = OnDrop(|| {
        Older::COUNT.add(10);
        Newer::COUNT.add(10);
    }))]
    bell: OnDrop<fn()>,
}

#[test]
#[cfg_attr(
    all(unix, tls_core_keys),
    ignore = "std knows the thread no more, which the panic hook hears"
)]
fn destructors_of_other_states_write_to_each_others_fields() {
    let events = recorded(|| {
        Older::BELL.with(|_| ());
        Newer::BELL.with(|_| ());
    });
    // The younger one's value is gone by then, its fields are not.
    assert_eq!(events, ["11 11"]);
    assert_eq!((Older::COUNT.total(), Newer::COUNT.total()), (11, 11));
}

#[thread_local_state]
struct Surviving {
    #[state(shared)]
    count: Counter,
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    part: Part<Vec<u8>>,
    number: u64,
}

#[test]
fn cells_survive_reset_and_with_fresh() {
    fn assert_kept(count: u64) {
        assert_eq!(Surviving::COUNT.get(), count);
        assert_eq!(Surviving::COUNT.total(), count);
        assert_eq!(Surviving::LEVEL.get(), 5);
        assert_eq!(Surviving::PEAK.get(), 6);
        assert_eq!(Surviving::VALUES.get().sum(), 7);
        assert_eq!(Surviving::state().live_threads(), 1);
        Surviving::PART.with_mut(|part| assert_eq!(*part, [8]));
    }
    on_thread(|| {
        Surviving::NUMBER.set(1);
        Surviving::COUNT.add(4);
        Surviving::LEVEL.set(5);
        Surviving::PEAK.record(6);
        Surviving::VALUES.record(7);
        Surviving::PART.with_mut(|part| part.push(8));
        assert!(Surviving::state().reset());
        assert_kept(4);
        assert_eq!(Surviving::NUMBER.get(), 0);
        assert_kept(4);
        Surviving::state().with_fresh(|| {
            assert_kept(4);
            assert_eq!(Surviving::NUMBER.get(), 0);
            Surviving::COUNT.increment();
            Surviving::with_state(|_| Surviving::COUNT.increment());
        });
        assert_kept(6);
        let panicking = || {
            Surviving::state().with_fresh(|| {
                Surviving::COUNT.increment();
                panic!("on purpose");
            });
        };
        assert!(try_panic_of(panicking).is_err());
        assert_kept(7);
    });
    assert_eq!(Surviving::COUNT.total(), 7);
}

/// A million writes of one thread: none is lost by being a plain load and a plain store.
#[test]
fn a_thread_finds_its_own_writes_at_once() {
    on_thread(|| {
        for number in 1..=scaled(100_000) as u64 {
            Own::COUNT.increment();
            assert_eq!(Own::COUNT.get(), number);
            Own::with_state(|_| assert_eq!(Own::COUNT.get(), number));
        }
        assert_eq!(Own::COUNT.total(), Own::COUNT.get());
    });
}

#[thread_local_state]
struct Own {
    #[state(shared)]
    count: Counter,
}

#[thread_local_state]
struct Many {
    #[state(shared)]
    number: Gauge,
}

/// More than the room that is made in advance.
#[test]
fn every_one_of_many_threads_is_listed_once() {
    const THREADS: i64 = 40;
    let all_wrote = Barrier::new(THREADS.try_into().unwrap());
    let all_looked = Barrier::new(THREADS.try_into().unwrap());
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (all_wrote, all_looked) = (&all_wrote, &all_looked);
            scope.spawn(move || {
                Many::NUMBER.set(number);
                all_wrote.wait();
                let mut listed: Vec<i64> = Many::NUMBER
                    .per_thread()
                    .into_rows()
                    .into_iter()
                    .map(|thread| thread.value)
                    .collect();
                all_looked.wait();
                listed.sort_unstable();
                assert!(listed.into_iter().eq(0..THREADS));
            });
        }
    });
}
