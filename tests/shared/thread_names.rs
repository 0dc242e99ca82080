//! `per_thread`: which thread has how much.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use tls_core::shared::{Gauge, Peak, ThreadValue, UpDown};
use tls_core::{Counter, Histogram, thread_local_state};

use crate::count::{Gate, Meeting};
use crate::support::{on_thread, scaled};

#[thread_local_state]
struct Named {
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
}

/// By thread, of which each is there once.
fn by_thread<V>(values: Vec<ThreadValue<V>>) -> HashMap<ThreadId, (Option<String>, V)> {
    let count = values.len();
    let map: HashMap<_, _> = values
        .into_iter()
        .map(|value| (value.thread, (value.name, value.value)))
        .collect();
    assert_eq!(map.len(), count, "a thread is listed twice");
    map
}

#[test]
fn every_live_thread_is_listed_once_with_its_name_and_its_own_value() {
    const THREADS: usize = 10;
    let written = Arc::new(Meeting::of(THREADS + 1));
    let gate = Arc::new(Gate::default());
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let written = Arc::clone(&written);
            let gate = Arc::clone(&gate);
            let builder = match number % 2 {
                0 => thread::Builder::new().name(format!("worker {number}")),
                _ => thread::Builder::new(),
            };
            let run = move || {
                let number = number as u64;
                Named::COUNTER.add(number);
                Named::UP_DOWN.add(-number.cast_signed());
                Named::GAUGE.set(number.cast_signed() * 2);
                Named::PEAK.record(number * 3);
                (0..number).for_each(|value| Named::HISTOGRAM.record(value));
                Named::ARRAY.at(1).add(number * 4);
                written.wait();
                gate.pass();
            };
            builder.spawn(run).unwrap()
        })
        .collect();
    written.wait();
    assert_eq!(Named::state().live_threads(), THREADS);
    let counter = by_thread(Named::COUNTER.per_thread().into_rows());
    let up_down = by_thread(Named::UP_DOWN.per_thread().into_rows());
    let gauge = by_thread(Named::GAUGE.per_thread().into_rows());
    let peak = by_thread(Named::PEAK.per_thread().into_rows());
    let histogram = by_thread(Named::HISTOGRAM.per_thread().into_rows());
    let array = by_thread(Named::ARRAY.per_thread().into_rows());
    let element = by_thread(Named::ARRAY.at(1).per_thread().into_rows());
    assert_eq!(counter.len(), THREADS);
    for (number, thread) in threads.iter().enumerate() {
        let id = thread.thread().id();
        let name = (number % 2 == 0).then(|| format!("worker {number}"));
        let number = number as u64;
        assert_eq!(counter[&id], (name.clone(), number));
        assert_eq!(up_down[&id], (name.clone(), -number.cast_signed()));
        assert_eq!(gauge[&id], (name.clone(), number.cast_signed() * 2));
        assert_eq!(peak[&id], (name.clone(), number * 3));
        assert_eq!(histogram[&id].0, name);
        assert_eq!(histogram[&id].1.count(), number);
        assert_eq!(array[&id], (name.clone(), [0, number * 4, 0]));
        assert_eq!(element[&id], (name, number * 4));
    }
    gate.open();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(
        Named::COUNTER.per_thread().into_rows().is_empty(),
        "exited ones are not listed"
    );
    assert!(Named::ARRAY.per_thread().into_rows().is_empty());
    assert_eq!(Named::COUNTER.total(), 45);
    assert_eq!(Named::GAUGE.total(), 0);
}

#[thread_local_state]
struct Sparse {
    #[state(shared)]
    written: Counter,
    #[state(shared)]
    other: UpDown,
    #[state(shared)]
    histogram: Histogram,
}

/// The block is the state's, not the field's.
#[test]
fn a_thread_is_listed_by_all_fields_of_the_state_once_it_has_written_to_one() {
    on_thread(|| {
        Sparse::WRITTEN.add(0);
        assert_eq!(Sparse::WRITTEN.per_thread().into_rows().len(), 1);
        let other = Sparse::OTHER.per_thread().into_rows();
        assert_eq!((other.len(), other[0].value), (1, 0));
        assert_eq!(other[0].thread, thread::current().id());
        assert_eq!(other[0].name.as_deref(), thread::current().name());
        assert_eq!(
            Sparse::HISTOGRAM.per_thread().into_rows()[0].value.count(),
            0
        );
    });
}

#[thread_local_state]
struct Moving {
    #[state(shared)]
    count: Counter,
}

/// A list that is made while threads come and go has no thread twice, and every value is that of
/// its thread.
#[test]
fn a_list_made_while_threads_come_and_go_is_right_about_each() {
    let rounds = scaled(500);
    let is_over = Gate::new();
    thread::scope(|scope| {
        let churn = scope.spawn(|| {
            for _ in 0..rounds {
                let pair = [3, 5].map(|count| {
                    thread::Builder::new()
                        .name(format!("adds {count}"))
                        .spawn_scoped(scope, move || Moving::COUNT.add(count))
                        .unwrap()
                });
                for thread in pair {
                    thread.join().unwrap();
                }
            }
            is_over.open();
        });
        while !churn.is_finished() {
            for (name, value) in by_thread(Moving::COUNT.per_thread().into_rows()).into_values() {
                // Between registering and writing there is nothing yet.
                match name.as_deref() {
                    Some("adds 3") => assert!([0, 3].contains(&value), "{value}"),
                    Some("adds 5") => assert!([0, 5].contains(&value), "{value}"),
                    other => panic!("{other:?}"),
                }
            }
        }
    });
    assert_eq!(Moving::COUNT.total(), 8 * rounds as u64);
}

#[thread_local_state]
struct Joined {
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
}

#[test]
fn rows_and_what_exited_threads_have_left_make_the_total() {
    let write = |number: u64| {
        Joined::COUNTER.add(number);
        Joined::UP_DOWN.add(-number.cast_signed());
        Joined::GAUGE.set(number.cast_signed());
        Joined::PEAK.record(number);
        Joined::HISTOGRAM.record(number);
        Joined::ARRAY.at(2).add(number);
    };
    for number in [5, 70] {
        on_thread(move || write(number));
    }
    let counter = Joined::COUNTER.per_thread();
    assert_eq!((counter.rows(), *counter.exited()), (&[][..], 75));
    assert_eq!(*Joined::UP_DOWN.per_thread().exited(), -75);
    assert_eq!(*Joined::PEAK.per_thread().exited(), 70);
    assert_eq!(*Joined::GAUGE.per_thread().exited(), 0, "of live threads");
    assert_eq!(*Joined::ARRAY.per_thread().exited(), [0, 0, 75]);

    on_thread(move || {
        write(7);
        let values = |rows: &[ThreadValue<u64>]| rows[0].value;
        let counter = Joined::COUNTER.per_thread();
        assert_eq!((values(counter.rows()), *counter.exited()), (7, 75));
        assert_eq!(Joined::COUNTER.total(), 82);
        let peak = Joined::PEAK.per_thread();
        assert_eq!((values(peak.rows()), *peak.exited()), (7, 70));
        let histogram = Joined::HISTOGRAM.per_thread();
        assert_eq!(histogram.exited().count(), 2);
        let mut all = histogram.exited().clone();
        all.merge(&histogram.rows()[0].value);
        assert_eq!(all, Joined::HISTOGRAM.total());
        assert_eq!(Joined::GAUGE.per_thread().into_rows()[0].value, 7);
    });
}

/// Threads come and write once, while another looks at both numbers.
fn first_writes_are_there(
    write: fn(),
    live: fn() -> usize,
    total: fn() -> u64,
    row_is_there: fn() -> bool,
) {
    let before = total();
    let threads = scaled(1000);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Acquire) {
                let live = live() as u64;
                // What is counted as alive has written, and that is in the total which is asked for later.
                assert!(total() - before >= live);
                assert!(row_is_there());
            }
        });
        for _ in 0..threads {
            thread::spawn(write).join().unwrap();
        }
        is_over.store(true, std::sync::atomic::Ordering::Release);
        reader.join().unwrap();
    });
    assert_eq!(total() - before, threads as u64);
}

#[thread_local_state]
struct FirstCount {
    #[state(shared)]
    counter: Counter,
}

#[thread_local_state]
struct FirstRecord {
    #[state(shared)]
    histogram: Histogram,
}

#[test]
fn a_thread_is_never_alive_before_its_first_write_is_in_the_total() {
    first_writes_are_there(
        || FirstCount::COUNTER.increment(),
        || FirstCount::state().live_threads(),
        || FirstCount::COUNTER.total(),
        || {
            let listed = FirstCount::COUNTER.per_thread();
            listed.rows().iter().all(|row| row.value == 1)
        },
    );
    first_writes_are_there(
        || FirstRecord::HISTOGRAM.record(5),
        || FirstRecord::state().live_threads(),
        || FirstRecord::HISTOGRAM.total().count(),
        || {
            let listed = FirstRecord::HISTOGRAM.per_thread();
            listed.rows().iter().all(|row| row.value.count() == 1)
        },
    );
}
