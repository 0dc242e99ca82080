//! Totals, taken while threads write, come and go.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize, fence};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use portable_atomic::AtomicU64;
use tls_core::shared::{Gauge, Peak, UpDown};
use tls_core::{Counter, Histogram, thread_local_state};

use crate::count::{Count, Gate, Level, Meeting, for_each_count, verify, verify_eq, wait_until};
use crate::naive::{OneSum, naive_counts};
use crate::support::{on_thread, scaled};

for_each_count! {
    a_total_while_threads_come_and_go_is_neither_low_nor_double_nor_goes_back(
        counter up_down histogram array
    )
    a_total_is_exact_when_a_scope_ends_though_destructors_still_run(
        counter up_down histogram array
    )
    a_thousand_threads_one_after_another_are_all_in_the_total(counter up_down histogram array)
    threads_that_write_while_others_total_lose_nothing(counter up_down histogram array)
}

/// A reader totals without pause, while pairs of threads add 100 each and end.
fn a_total_while_threads_come_and_go_is_neither_low_nor_double_nor_goes_back<C: Count>()
-> Result<(), String> {
    let begun = AtomicU64::new(0);
    let published = AtomicU64::new(0);
    let is_reading = Gate::new();
    let is_over = AtomicBool::new(false);
    let read = || {
        let mut last = 0;
        loop {
            is_reading.open();
            let is_last = is_over.load(Acquire);
            let known = published.load(Acquire).max(last);
            let total = C::total();
            // Pairs with the fence of who adds: what has been seen in the total has begun.
            fence(Acquire);
            let most = begun.load(Relaxed);
            verify((known..=most).contains(&total), || {
                format!("a total of {total}: {known} were published or seen, {most} begun")
            })?;
            last = total;
            if is_last {
                return Ok::<_, String>(());
            }
        }
    };
    let add = || {
        for _ in 0..100 {
            begun.fetch_add(1, Relaxed);
            fence(Release);
            C::add_one();
            published.fetch_add(1, Release);
        }
    };
    let rounds = scaled(4_000);
    thread::scope(|scope| {
        let reader = scope.spawn(read);
        is_reading.pass();
        for round in 1..=rounds {
            let pair = [(); 2].map(|()| scope.spawn(add));
            for thread in pair {
                thread.join().unwrap();
            }
            if reader.is_finished() {
                break;
            }
            verify_eq(C::total(), 200 * round as u64, "between two pairs")?;
        }
        is_over.store(true, Release);
        reader.join().unwrap()
    })?;
    verify_eq(C::total(), 200 * rounds as u64, "at the end")
}

/// A thread-local whose destructor takes its time.
struct Slow(Option<Arc<Gate>>);

impl Drop for Slow {
    fn drop(&mut self) {
        match &self.0 {
            Some(gate) => gate.pass(),
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
}

thread_local! {
    static SLOW: std::cell::RefCell<Slow> = const { std::cell::RefCell::new(Slow(None)) };
}

/// `thread::scope` waits for closures and not for destructors. Those that may stand in the way
/// do so until the total has been checked. A count that is published by a destructor comes late.
fn a_total_is_exact_when_a_scope_ends_though_destructors_still_run<C: Count>() -> Result<(), String>
{
    const THREADS: u64 = 4;
    let mut expected = 0;
    for round in 0..scaled(50).max(4) {
        let gate = Arc::new(Gate::default());
        thread::scope(|scope| {
            for _ in 0..THREADS {
                // Its own: a race detector does not see all that a scope's end waits for.
                let gate = Arc::clone(&gate);
                scope.spawn(move || {
                    let be_slow = |gate: Option<&Arc<Gate>>| {
                        SLOW.with_borrow_mut(|slow| slow.0 = gate.cloned());
                    };
                    match round % 4 {
                        // The last destructor to run.
                        0 => be_slow(Some(&gate)),
                        1 => be_slow(None),
                        _ => {}
                    }
                    (0..100).for_each(|_| C::add_one());
                    match round % 4 {
                        // The first destructor to run.
                        2 => be_slow(Some(&gate)),
                        3 => be_slow(None),
                        _ => {}
                    }
                });
            }
        });
        let total = C::total();
        gate.open();
        expected += 100 * THREADS;
        verify_eq(total, expected, &format!("round {round}"))?;
    }
    Ok(())
}

fn a_thousand_threads_one_after_another_are_all_in_the_total<C: Count>() -> Result<(), String> {
    for number in 1..=scaled(1_000) as u64 {
        on_thread(|| (0..3).for_each(|_| C::add_one()));
        verify_eq(C::total(), 3 * number, "after a thread has ended")?;
    }
    Ok(())
}

/// A count of all threads in one plain number would lose some.
fn threads_that_write_while_others_total_lose_nothing<C: Count>() -> Result<(), String> {
    let count = scaled(20_000) as u64;
    thread::scope(|scope| {
        let writers = [(); 4].map(|()| scope.spawn(|| (0..count).for_each(|_| C::add_one())));
        let mut last = 0;
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            let total = C::total();
            verify(total >= last, || format!("{total} after {last}"))?;
            last = total;
        }
        Ok::<_, String>(())
    })?;
    verify_eq(C::total(), 4 * count, "at the end")
}

naive_counts! {
    Forgetting Forget;
    ForgettingToo Forget;
    RemovingFirst RemoveThenFold;
    FoldingFirst FoldThenRemove;
    PublishingAtExit Publish;
}

#[test]
fn a_total_while_threads_come_and_go_is_low_or_double_or_goes_back_in_a_naive_registry() {
    use a_total_while_threads_come_and_go_is_neither_low_nor_double_nor_goes_back as check;
    assert_naive(check::<Forgetting>());
    assert_naive(check::<RemovingFirst>());
    assert_naive(check::<FoldingFirst>());
}

#[test]
fn a_total_is_not_exact_when_a_scope_ends_in_a_naive_registry() {
    use a_total_is_exact_when_a_scope_ends_though_destructors_still_run as check;
    assert_naive(check::<PublishingAtExit>());
}

#[test]
fn a_thousand_threads_one_after_another_are_not_in_the_total_of_a_naive_registry() {
    use a_thousand_threads_one_after_another_are_all_in_the_total as check;
    assert_naive(check::<ForgettingToo>());
}

/// The check has found what is wrong.
#[track_caller]
pub(crate) fn assert_naive<R: Debug>(result: Result<R, String>) {
    println!(
        "{}",
        result.expect_err("the check has not seen what is wrong")
    );
}

#[thread_local_state]
struct Levels {
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    several: [Gauge; 3],
}

impl Level for Levels {
    fn set(level: i64) {
        Levels::LEVEL.set(level);
    }

    fn total() -> i64 {
        Levels::LEVEL.total()
    }
}

/// The same for an element of an array.
struct SecondLevel;

impl Level for SecondLevel {
    fn set(level: i64) {
        Levels::SEVERAL.at(1).set(level);
    }

    fn total() -> i64 {
        Levels::SEVERAL.total()[1]
    }
}

/// Sixteen threads set their own to 1 again and again.
fn check_levels<L: Level>(totals: usize) -> Result<(), String> {
    const THREADS: usize = 16;
    let all_set = Meeting::of(THREADS + 1);
    let going = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let set = || {
            L::set(1);
            all_set.wait();
            L::set(1);
            going.fetch_add(1, Relaxed);
            while !is_over.load(Relaxed) {
                L::set(1);
            }
        };
        let threads = [(); THREADS].map(|()| scope.spawn(set));
        all_set.wait();
        wait_until(|| going.load(Relaxed) == THREADS);
        let result = (0..totals).try_for_each(|number| {
            if number % 100 == 0 {
                thread::yield_now();
            }
            verify_eq(L::total(), 16, &format!("total {number}"))
        });
        is_over.store(true, Relaxed);
        for thread in threads {
            thread.join().unwrap();
        }
        result
    })
}

#[test]
fn a_gauge_that_is_set_to_what_it_is_never_seems_to_change() {
    check_levels::<Levels>(scaled(10_000)).unwrap();
    check_levels::<SecondLevel>(scaled(10_000)).unwrap();
}

#[test]
fn a_gauge_that_is_set_to_what_it_is_seems_to_change_in_a_naive_registry() {
    assert_naive(check_levels::<OneSum>(scaled(10_000)));
}

#[thread_local_state]
struct Extremes {
    #[state(shared)]
    peak: Peak,
}

#[test]
fn a_peak_never_goes_down_while_threads_come_and_go() {
    let is_over = AtomicBool::new(false);
    let published = &AtomicU64::new(0);
    let rounds = scaled(1_000) as u64;
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while !is_over.load(Acquire) {
                let known = published.load(Acquire).max(last);
                last = Extremes::PEAK.total();
                assert!(last >= known, "{last} after {known}");
            }
        });
        for round in 1..=rounds {
            let add = move || {
                Extremes::PEAK.record(round);
                published.fetch_max(round, Release);
                Extremes::PEAK.record(round / 2);
            };
            for thread in [(); 2].map(|()| scope.spawn(add)) {
                thread.join().unwrap();
            }
        }
        is_over.store(true, Release);
        reader.join().unwrap();
    });
    assert_eq!(Extremes::PEAK.total(), rounds);
}

#[thread_local_state]
struct Belt {
    #[state(shared)]
    on_belt: UpDown,
}

/// Kept by the thread that adds and the one that subtracts, both of which end.
#[test]
fn what_one_thread_adds_and_another_subtracts_is_balanced_when_both_have_ended() {
    let count = scaled(1_000) as u64;
    let (send, receive) = channel();
    let sender = thread::spawn(move || {
        for _ in 0..count {
            Belt::ON_BELT.increment();
            send.send(()).unwrap();
        }
    });
    sender.join().unwrap();
    assert_eq!(
        Belt::ON_BELT.total().cast_unsigned(),
        count,
        "exited parts are kept"
    );
    on_thread(move || {
        for () in receive {
            Belt::ON_BELT.decrement();
        }
    });
    assert_eq!(Belt::ON_BELT.total(), 0);
}

#[thread_local_state]
struct Everything {
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
    array: [Counter; 2],
}

#[test]
fn a_thousand_threads_one_after_another_leave_no_live_thread_behind() {
    for number in 1..=scaled(1_000) as u64 {
        on_thread(move || {
            Everything::COUNTER.add(2);
            Everything::UP_DOWN.add(-3);
            Everything::GAUGE.set(4);
            Everything::PEAK.record(number);
            Everything::HISTOGRAM.record(number);
            Everything::ARRAY.at(1).increment();
            assert_eq!(Everything::state().live_threads(), 1);
            assert_eq!(Everything::GAUGE.total(), 4);
        });
        assert_eq!(Everything::state().live_threads(), 0);
        assert_eq!(Everything::COUNTER.total(), 2 * number);
        assert_eq!(Everything::UP_DOWN.total(), -3 * number.cast_signed());
        assert_eq!(Everything::GAUGE.total(), 0);
        assert_eq!(Everything::PEAK.total(), number);
        assert_eq!(Everything::ARRAY.total(), [0, number]);
        let histogram = Everything::HISTOGRAM.total();
        assert_eq!(histogram.count(), number);
        assert_eq!(histogram.sum(), number * (number + 1) / 2);
    }
    assert!(Everything::COUNTER.per_thread().into_rows().is_empty());
}

#[thread_local_state]
struct Two {
    #[state(shared)]
    first: Counter,
    #[state(shared)]
    second: [UpDown; 9],
}

/// Threads that end leave gaps between those that live; new ones fill them. A count of one that
/// ended must not show up as its successor's.
#[test]
fn a_thread_that_takes_the_place_of_one_that_ended_starts_at_zero() {
    let rounds = scaled(300) as u64;
    let stay = Arc::new(Gate::default());
    let mut staying = Vec::new();
    for round in 0..rounds {
        let (ready, is_ready) = channel();
        let gate = Arc::clone(&stay);
        let is_long = round % 10 == 0;
        let thread = thread::spawn(move || {
            assert_eq!((Two::FIRST.get(), Two::SECOND.get()), (0, [0; 9]));
            Two::FIRST.increment();
            assert_eq!((Two::FIRST.get(), Two::SECOND.get()), (1, [0; 9]));
            Two::SECOND.at(8).decrement();
            assert_eq!(Two::SECOND.get(), [0, 0, 0, 0, 0, 0, 0, 0, -1]);
            ready.send(()).unwrap();
            if is_long {
                gate.pass();
            }
        });
        is_ready.recv().unwrap();
        if is_long {
            staying.push(thread);
        } else {
            thread.join().unwrap();
        }
        assert_eq!(Two::state().live_threads(), staying.len());
        assert_eq!(Two::FIRST.total(), round + 1);
        let live = Two::FIRST.per_thread().into_rows();
        assert_eq!(live.len(), staying.len());
        assert!(live.iter().all(|thread| thread.value == 1));
    }
    stay.open();
    for thread in staying {
        thread.join().unwrap();
    }
    assert_eq!(Two::FIRST.total(), rounds);
    assert_eq!(Two::SECOND.total()[8], -rounds.cast_signed());
    assert_eq!(Two::state().live_threads(), 0);
}

#[thread_local_state]
struct Panicking {
    #[state(shared)]
    done: Counter,
    number: u64,
}

#[test]
fn a_thread_that_panics_keeps_what_it_has_counted() {
    let result = thread::spawn(|| {
        Panicking::with_state_mut(|_| {
            Panicking::DONE.add(3);
            std::panic::resume_unwind(Box::new(()));
        })
    })
    .join();
    result.unwrap_err();
    assert_eq!(Panicking::DONE.total(), 3);
    assert_eq!(Panicking::state().live_threads(), 0);
}
