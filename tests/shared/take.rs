//! `take_total`: what has come since the last time, once.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;

use tls_core::shared::HistogramSnapshot;
use tls_core::{Counter, Histogram, thread_local_state};

use crate::count::{Take, for_each_count, verify, verify_eq};
use crate::naive::naive_counts;
use crate::support::{on_thread, scaled};
use crate::totals::assert_naive;

for_each_count! {
    what_two_readers_take_at_once_is_all_there_is_and_nothing_twice(counter histogram array)
}

/// Threads come, add and go meanwhile. Zeroing the cells of others would lose what they are
/// adding; a baseline outside the lock gives the same to both.
fn what_two_readers_take_at_once_is_all_there_is_and_nothing_twice<T: Take>() -> Result<(), String>
{
    const WRITERS: usize = 3;
    let rounds = scaled(300) as u64;
    let is_over = AtomicBool::new(false);
    let all = WRITERS as u64 * rounds * 100;
    let read = || {
        let mut sum = 0_u64;
        loop {
            let is_last = is_over.load(Acquire);
            let taken = T::take_total();
            verify(taken <= all, || format!("{taken} were taken at once"))?;
            sum += taken;
            if is_last {
                return Ok::<_, String>(sum);
            }
        }
    };
    let taken = thread::scope(|scope| {
        let readers = [(); 2].map(|()| scope.spawn(read));
        for _ in 0..rounds {
            for writer in
                [(); WRITERS].map(|()| scope.spawn(|| (0..100).for_each(|_| T::add_one())))
            {
                writer.join().unwrap();
            }
        }
        is_over.store(true, Release);
        let [first, second] = readers.map(|reader| reader.join().unwrap());
        Ok::<_, String>(first? + second?)
    })?;
    verify_eq(taken, all, "what both have taken")?;
    verify_eq(T::take_total(), 0, "what is left")?;
    verify_eq(T::total(), all, "the total, which taking does not change")
}

naive_counts! {
    TakingInTwoSteps Publish;
}

#[test]
fn what_two_readers_take_at_once_is_wrong_in_a_naive_registry() {
    assert_naive(
        what_two_readers_take_at_once_is_all_there_is_and_nothing_twice::<TakingInTwoSteps>(),
    );
}

#[thread_local_state]
struct Taken {
    #[state(shared)]
    count: Counter,
    #[state(shared)]
    counts: [Counter; 3],
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    series: [Histogram; 2],
}

#[test]
fn each_take_returns_what_has_come_since_the_one_before() {
    on_thread(|| Taken::COUNT.add(5));
    assert_eq!(Taken::COUNT.take_total(), 5, "of an exited thread");
    assert_eq!(Taken::COUNT.take_total(), 0);
    on_thread(|| {
        Taken::COUNT.add(7);
        assert_eq!(Taken::COUNT.take_total(), 7, "of a live one");
        Taken::COUNT.add(1);
    });
    assert_eq!(Taken::COUNT.take_total(), 1, "that has ended since");
    assert_eq!(Taken::COUNT.total(), 13, "a take is no reset");
}

#[test]
fn each_element_of_an_array_is_taken_for_itself() {
    on_thread(|| {
        Taken::COUNTS.at(0).add(5);
        Taken::COUNTS.at(2).add(7);
        assert_eq!(Taken::COUNTS.at(2).take_total(), 7);
        Taken::COUNTS.at(0).add(1);
        Taken::COUNTS.at(2).add(2);
    });
    let taken = [0, 1, 2].map(|index| Taken::COUNTS.at(index).take_total());
    assert_eq!(taken, [6, 0, 2]);
}

#[test]
fn a_taken_histogram_holds_the_values_since_the_take_before() {
    fn of(values: &[u64]) -> (u64, u64, u64) {
        let taken = Taken::VALUES.take_total();
        assert_eq!(taken.count(), values.len() as u64);
        assert_eq!(taken.sum(), values.iter().sum::<u64>());
        (
            taken.quantile(0.0),
            taken.quantile(0.5),
            taken.quantile(1.0),
        )
    }
    on_thread(|| {
        (1..=3).for_each(|value| Taken::VALUES.record(value));
        assert_eq!(of(&[1, 2, 3]), (1, 2, 3));
        Taken::VALUES.record(50);
        Taken::VALUES.record(60);
    });
    Taken::VALUES.record(70);
    assert_eq!(of(&[50, 60, 70]), (50, 60, 70));
    assert_eq!(Taken::VALUES.take_total(), HistogramSnapshot::default());
    assert_eq!(Taken::VALUES.total().count(), 6);
}

#[test]
fn takes_of_a_histogram_add_up_to_its_total() {
    let mut merged = HistogramSnapshot::default();
    for round in 0..10 {
        on_thread(move || {
            (0..1000).for_each(|number| Taken::SERIES.at(1).record(number * number * round));
        });
        merged.merge(&Taken::SERIES.at(1).take_total());
    }
    assert_eq!(merged, Taken::SERIES.at(1).total());
    assert_eq!(Taken::SERIES.at(0).take_total().count(), 0);
}
