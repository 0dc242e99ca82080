//! `Isolated`: counts of one's own.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};
use std::thread;

use tls_core::shared::{Gauge, Part, Peak, Total, UpDown, shared_fields};
use tls_core::{Counter, Histogram, Isolated, thread_local_state};

use crate::support::{OnDrop, on_thread, scaled};

/// Declares a state with a field of every kind, of which the test's own thread is the only user outside.
macro_rules! state {
    ($name:ident) => {
        #[thread_local_state(in_function)]
        struct $name {
            /// Jobs done.
            #[state(shared)]
            done: Counter,
            #[state(shared)]
            in_flight: UpDown,
            #[state(shared)]
            queue: Gauge,
            #[state(shared)]
            longest: Peak,
            #[state(shared)]
            latency: Histogram,
            #[state(shared)]
            by_status: [Counter; 3],
            #[state(shared)]
            latencies: [Histogram; 2],
            #[state(shared)]
            seen: Part<Vec<u64>>,
            value: u64,
        }

        #[allow(dead_code, reason = "not every test uses all")]
        impl $name {
            /// Writes to every field.
            fn count(amount: u64) {
                let signed = i64::try_from(amount).unwrap();
                Self::DONE.add(amount);
                Self::IN_FLIGHT.add(-signed);
                Self::QUEUE.set(signed);
                Self::LONGEST.record(amount);
                Self::LATENCY.record(amount);
                Self::BY_STATUS.at(1).add(amount);
                Self::LATENCIES.at(1).record(amount);
                Self::SEEN.with_mut(|seen| seen.push(amount));
            }

            /// Checks every total: these amounts have been counted, each by a thread that lives.
            #[track_caller]
            fn assert_counted(amounts: &[u64]) {
                Self::assert_left(amounts, amounts.iter().sum());
            }

            /// As above, with what gauges have now.
            #[track_caller]
            fn assert_left(amounts: &[u64], queue: u64) {
                let sum: u64 = amounts.iter().sum();
                let signed = i64::try_from(sum).unwrap();
                assert_eq!(Self::DONE.total(), sum);
                assert_eq!(Self::IN_FLIGHT.total(), -signed);
                assert_eq!(Self::QUEUE.total(), i64::try_from(queue).unwrap());
                assert_eq!(
                    Self::LONGEST.total(),
                    amounts.iter().copied().max().unwrap_or(0)
                );
                assert_eq!(Self::BY_STATUS.total(), [0, sum, 0]);
                let latency = Self::LATENCY.total();
                assert_eq!(latency.count(), amounts.len() as u64);
                assert_eq!(latency.sum(), sum);
                let [none, latency] = Self::LATENCIES.total();
                assert_eq!(none.count(), 0);
                assert_eq!(latency.count(), amounts.len() as u64);
                let mut seen = Self::SEEN.fold_parts(Vec::<u64>::new(), |mut all, part| {
                    all.extend(part);
                    all
                });
                seen.sort_unstable();
                let mut amounts = amounts.to_vec();
                amounts.sort_unstable();
                assert_eq!(seen, amounts);
            }
        }
    };
}

#[test]
fn what_is_counted_inside_is_seen_inside_and_nothing_else_is() {
    state!(Meter);

    Meter::count(100);
    let job = Isolated::new();
    job.run(|| {
        Meter::assert_counted(&[]);
        Meter::count(1);
        Meter::count(2);
        Meter::assert_left(&[1, 2], 2);
        assert_eq!(Meter::DONE.get(), 3);
        assert_eq!(Meter::LATENCY.get().count(), 2);
    });
    Meter::assert_counted(&[100]);
    assert_eq!(Meter::DONE.get(), 100);
    Meter::count(200);
    Meter::assert_left(&[100, 200], 200);
    job.run(|| Meter::assert_left(&[1, 2], 0));
}

#[test]
fn what_the_thread_wrote_before_goes_on_where_it_was() {
    state!(Meter);

    Meter::count(1);
    for _ in 0..3 {
        Isolated::new().run(|| Meter::count(5));
        Meter::count(1);
    }
    Meter::assert_left(&[1, 1, 1, 1], 1);
    assert_eq!(Meter::SEEN.take_parts(), [[1, 1, 1, 1]]);
    assert_eq!(Meter::state().live_threads(), 1);
}

#[test]
fn a_thread_that_leaves_has_as_good_as_exited() {
    state!(Meter);

    let job = Isolated::new();
    job.run(|| {
        Meter::count(3);
        assert_eq!(Meter::state().live_threads(), 1);
        assert_eq!(Meter::DONE.per_thread().rows().len(), 1);
    });
    job.run(|| {
        assert_eq!(Meter::state().live_threads(), 0);
        let done = Meter::DONE.per_thread();
        assert_eq!((done.rows().len(), *done.exited()), (0, 3));
        Meter::assert_left(&[3], 0);
        assert_eq!(Meter::SEEN.take_parts(), [[3]]);
        assert_eq!(Meter::SEEN.take_parts(), [[0; 0]; 0]);
        Meter::DONE.add(4);
        let done = Meter::DONE.per_thread();
        let [row] = done.rows() else {
            panic!("{done:?}")
        };
        assert_eq!(row.thread, thread::current().id());
        assert_eq!((row.value, *done.exited()), (4, 3));
    });
}

#[test]
fn takes_are_of_the_job_alone() {
    state!(Meter);

    Meter::count(10);
    assert_eq!(Meter::DONE.take_total(), 10);
    let job = Isolated::new();
    job.run(|| {
        Meter::count(1);
        assert_eq!(Meter::DONE.take_total(), 1);
        assert_eq!(Meter::LATENCY.take_total().count(), 1);
        assert_eq!(Meter::SEEN.take_parts(), [[1]]);
    });
    assert_eq!(Meter::DONE.take_total(), 0);
    assert_eq!(job.run(|| Meter::DONE.take_total()), 0);
    assert_eq!(job.run(|| Meter::DONE.total()), 1);
    assert_eq!(Meter::SEEN.take_parts(), [[10]]);
}

#[test]
fn an_exporter_inside_finds_what_is_in_use_inside() {
    state!(Meter);

    Meter::count(5);
    let job = Isolated::new();
    job.run(|| {
        assert_eq!(shared_fields(), []);
        Meter::DONE.increment();
        let fields = shared_fields();
        let names: Vec<_> = fields
            .iter()
            .map(|field| (field.field, field.index))
            .collect();
        assert_eq!(
            names,
            [
                ("done", None),
                ("in_flight", None),
                ("queue", None),
                ("longest", None),
                ("latency", None),
                ("by_status", Some(0)),
                ("by_status", Some(1)),
                ("by_status", Some(2)),
                ("latencies", Some(0)),
                ("latencies", Some(1)),
            ]
        );
        assert_eq!(fields[0].total, Total::Counter(1));
        assert_eq!(fields[2].total, Total::Gauge(0));
    });
}

#[test]
fn jobs_nest_and_each_goes_on_when_the_inner_one_ends() {
    state!(Meter);

    let (outer, inner) = (Isolated::new(), Isolated::new());
    Meter::count(1);
    outer.run(|| {
        Meter::count(2);
        inner.run(|| {
            Meter::count(3);
            // The outer one again, where its row has been all the time.
            outer.run(|| {
                assert_eq!(Meter::state().live_threads(), 1);
                Meter::count(4);
                inner.run(|| Meter::count(5));
                Meter::assert_left(&[2, 4], 4);
            });
            Meter::assert_left(&[3, 5], 5);
        });
        Meter::assert_left(&[2, 4], 4);
        assert_eq!(Meter::state().live_threads(), 1);
    });
    Meter::assert_counted(&[1]);
    inner.run(|| Meter::assert_left(&[3, 5], 0));
}

#[test]
fn a_panic_leaves_the_job() {
    state!(Meter);

    let job = Isolated::new();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        job.run(|| {
            Meter::count(1);
            panic!("out");
        })
    }));
    assert!(unwound.is_err());
    Meter::assert_counted(&[]);
    job.run(|| Meter::assert_left(&[1], 0));
}

#[test]
fn threads_that_are_started_inside_count_outside_but_in_a_clone() {
    state!(Meter);

    let job = Isolated::new();
    job.run(|| {
        thread::spawn(|| Meter::count(1)).join().unwrap();
        let clone = job.clone();
        thread::spawn(move || clone.run(|| Meter::count(2)))
            .join()
            .unwrap();
        Meter::assert_left(&[2], 0);
    });
    Meter::assert_left(&[1], 0);
}

#[test]
fn destructors_that_run_after_the_job_count_outside() {
    state!(Meter);

    #[thread_local_state(in_function)]
    struct Counting {
        #[state(init = OnDrop(|| Meter::count(9)))]
        on_drop: OnDrop<fn()>,
    }

    let job = Isolated::new();
    {
        let job = job.clone();
        on_thread(move || {
            Meter::count(2);
            job.run(|| {
                Counting::state().init();
                Meter::count(1);
            });
        });
    }
    job.run(|| Meter::assert_left(&[1], 0));
    Meter::assert_left(&[2, 9], 0);
}

#[test]
fn a_total_is_exact_while_threads_come_and_go_and_others_count_outside() {
    state!(Meter);

    const THREADS: u8 = 4;
    let (threads, rounds) = (u64::from(THREADS), scaled(200) as u64);
    let jobs: Vec<Isolated> = std::iter::repeat_with(Isolated::new).take(2).collect();
    let start = Barrier::new(THREADS.into());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..rounds {
                    thread::scope(|scope| {
                        scope.spawn(|| {
                            Meter::DONE.increment();
                            for (job, amount) in jobs.iter().zip([10, 100]) {
                                job.run(|| {
                                    Meter::DONE.add(amount);
                                    Meter::LATENCY.record(amount);
                                    Meter::SEEN.with_mut(|seen| seen.push(amount));
                                });
                            }
                            Meter::DONE.increment();
                        });
                    });
                }
            });
        }
        scope.spawn(|| {
            let mut last = [0; 2];
            while last != [threads * rounds * 10, threads * rounds * 100] {
                for (job, last) in jobs.iter().zip(&mut last) {
                    let total = job.run(|| Meter::DONE.total());
                    assert!(total >= *last, "{total} after {last}");
                    *last = total;
                }
            }
        });
    });
    assert_eq!(Meter::DONE.total(), threads * rounds * 2);
    for (job, amount) in jobs.iter().zip([10, 100]) {
        job.run(|| {
            assert_eq!(Meter::LATENCY.total().sum(), threads * rounds * amount);
            let parts = Meter::SEEN.take_parts();
            assert_eq!(
                parts.iter().flatten().sum::<u64>(),
                threads * rounds * amount
            );
        });
    }
}

#[test]
fn the_last_handle_may_go_while_threads_are_inside() {
    state!(Meter);

    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    #[derive(Default)]
    struct Noted(Vec<u64>);

    impl Drop for Noted {
        fn drop(&mut self) {
            DROPPED.fetch_add(self.0.len(), SeqCst);
        }
    }

    #[thread_local_state(in_function)]
    struct Other {
        #[state(shared)]
        noted: Part<Noted>,
    }

    let job = Isolated::new();
    let mut job = Some(job);
    let handle = job.clone().unwrap();
    handle.run(move || {
        drop(job.take());
        Meter::count(1);
        Other::NOTED.with_mut(|noted| noted.0.push(1));
        Meter::assert_counted(&[1]);
    });
    let future = {
        let job = handle;
        async move {
            job.run(|| Other::NOTED.with_mut(|noted| noted.0.push(2)));
            drop(job);
            Other::NOTED.with_mut(|noted| noted.0.push(3));
        }
    };
    assert_eq!(DROPPED.load(SeqCst), 0);
    let isolated = Isolated::new();
    assert_eq!(poll_once(isolated.run_future(future)), Poll::Ready(()));
    assert_eq!(DROPPED.load(SeqCst), 2, "of the job that went");
    drop(isolated);
    assert_eq!(DROPPED.load(SeqCst), 3);
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_future_is_inside_while_it_is_polled_and_dropped_whatever_thread_polls_it() {
    state!(Meter);

    let job = Isolated::new();
    let mut future = Box::pin(job.run_future(async {
        let _on_drop = OnDrop(|| Meter::count(4));
        Meter::count(1);
        let mut is_first = true;
        std::future::poll_fn(|_| {
            if std::mem::take(&mut is_first) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        Meter::count(2);
        std::future::pending::<()>().await;
    }));
    let mut poll_again = thread::spawn(move || {
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        Meter::count(100);
        move || {
            let mut context = Context::from_waker(Waker::noop());
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
    })
    .join()
    .unwrap();
    job.run(|| Meter::assert_left(&[1], 0));
    poll_again();
    job.run(|| Meter::assert_left(&[1, 2], 0));
    drop(poll_again);
    job.run(|| Meter::assert_left(&[1, 2, 4], 0));
    Meter::assert_left(&[100], 0);
}

#[test]
fn values_of_states_and_fresh_ones_have_nothing_to_do_with_it() {
    state!(Meter);

    Meter::VALUE.set(5);
    let job = Isolated::new();
    job.run(|| {
        assert_eq!(Meter::VALUE.get(), 5);
        Meter::state().with_fresh(|| {
            Meter::VALUE.set(6);
            Meter::count(1);
        });
        assert_eq!(Meter::DONE.total(), 1, "fresh values leave counts alone");
    });
}

#[test]
fn several_states_in_one_job_are_apart() {
    state!(First);
    state!(Second);

    let job = Isolated::new();
    job.run(|| {
        First::count(1);
        Second::count(2);
        First::assert_counted(&[1]);
        Second::assert_counted(&[2]);
        let states: BTreeSet<_> = shared_fields().iter().map(|field| field.state).collect();
        assert_eq!(states, BTreeSet::from(["First", "Second"]));
    });
    assert_eq!(
        (
            First::state().live_threads(),
            Second::state().live_threads()
        ),
        (0, 0)
    );
}

#[test]
fn a_part_in_use_at_the_end_of_a_job_is_in_it_afterwards() {
    state!(Meter);

    let job = Isolated::new();
    let mut future = Box::pin(job.run_future(async {
        Meter::SEEN.with_mut(|seen| {
            seen.push(1);
            // Another job within the use, and the same field in it.
            Isolated::new().run(|| Meter::SEEN.with_mut(|seen| seen.push(50)));
            Meter::SEEN.with_mut(|seen| seen.push(2));
        });
    }));
    assert!(
        future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
    let mut seen = job.run(|| Meter::SEEN.take_parts()).concat();
    seen.sort_unstable();
    assert_eq!(seen, [1, 2]);
    assert_eq!(Meter::SEEN.take_parts(), [[0; 0]; 0]);
}

#[test]
fn a_state_with_many_histograms_is_isolated_on_a_small_stack() {
    #[thread_local_state(in_function)]
    struct Many {
        #[state(shared)]
        done: Counter,
        #[state(shared)]
        latencies: [Histogram; 200],
    }

    let counted = || {
        Many::DONE.increment();
        Many::LATENCIES.at(199).record(5);
        Many::LATENCIES.at(199).get().sum()
    };
    let work = move || Isolated::new().run(counted);
    let small = thread::Builder::new().stack_size(256 * 1024);
    assert_eq!(small.spawn(work).unwrap().join().unwrap(), 5);
}

#[test]
fn a_job_with_many_parts_goes_on_a_small_stack() {
    state!(Meter);

    let count = 100_000;
    let job = Isolated::new();
    for _ in 0..count {
        job.run(|| Meter::SEEN.with_mut(|seen| seen.push(1)));
    }
    let seen = job.run(|| Meter::SEEN.fold_parts(0, |sum, part| sum + part.len()));
    assert_eq!(seen, count);
    let small = thread::Builder::new().stack_size(256 * 1024);
    small.spawn(move || drop(job)).unwrap().join().unwrap();
}

#[test]
fn a_part_that_panics_when_its_job_goes_takes_no_other_with_it() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    #[derive(Default)]
    struct Loud(bool);

    impl Drop for Loud {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
            assert!(!self.0, "on its way out");
        }
    }

    #[thread_local_state(in_function)]
    struct First {
        #[state(shared)]
        parts: Part<Loud>,
    }

    #[thread_local_state(in_function)]
    struct Second {
        #[state(shared)]
        parts: Part<Loud>,
    }

    let job = Isolated::new();
    for number in 0..3 {
        job.run(|| {
            First::PARTS.with_mut(|part| part.0 = number == 1);
            Second::PARTS.with_mut(|_| ());
        });
    }
    assert_eq!(DROPPED.load(SeqCst), 0);
    let unwound = catch_unwind(AssertUnwindSafe(|| drop(job)));
    assert!(unwound.is_err());
    assert_eq!(DROPPED.load(SeqCst), 6);
}

#[test]
fn ten_thousand_runs_nest_in_one_another() {
    state!(Meter);

    fn nest(job: &Isolated, depth: u64) {
        job.run(|| {
            Meter::DONE.increment();
            if depth > 1 {
                nest(job, depth - 1);
            }
        });
    }

    let job = Isolated::new();
    let large = thread::Builder::new().stack_size(64 << 20);
    let inner = job.clone();
    large
        .spawn(move || nest(&inner, 10_000))
        .unwrap()
        .join()
        .unwrap();
    job.run(|| assert_eq!(Meter::DONE.total(), 10_000));
}
