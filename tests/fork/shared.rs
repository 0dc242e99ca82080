//! Shared fields in a child: they start at zero, and the parent's stay as they are.

use std::thread;

use tls_core::shared::{Gauge, HistogramSnapshot, Peak, Total, UpDown, shared_fields};
use tls_core::{Counter, Histogram, thread_local_state};

use crate::support::{alone, both, fork_here, in_child, is_child, on_thread};

/// One field of each type.
#[thread_local_state(fork = reset)]
pub(crate) struct Meter {
    /// Jobs done.
    #[state(shared)]
    pub(crate) done: Counter,
    #[state(shared)]
    in_flight: UpDown,
    #[state(shared)]
    queue: Gauge,
    #[state(shared)]
    longest: Peak,
    #[state(shared)]
    pub(crate) latency: Histogram,
    #[state(shared)]
    pub(crate) by_status: [Counter; 3],
    #[state(shared)]
    queues: [Gauge; 2],
    #[state(shared)]
    latencies: [Histogram; 2],
    #[state(init = 0)]
    pub(crate) number: u64,
}

/// The same in a state that is kept.
#[thread_local_state]
struct KeptMeter {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    latency: Histogram,
    #[state(init = 0)]
    number: u64,
}

/// Writes to every field.
pub(crate) fn count(amount: u64) {
    let signed = i64::try_from(amount).unwrap();
    Meter::DONE.add(amount);
    Meter::IN_FLIGHT.add(-signed);
    Meter::QUEUE.set(signed);
    Meter::LONGEST.record(amount);
    Meter::LATENCY.record(amount);
    Meter::BY_STATUS.at(1).add(amount);
    Meter::QUEUES.at(1).set(signed);
    Meter::LATENCIES.at(0).record(amount);
}

/// Checks every total: these amounts have been counted, each by a thread that lives.
#[track_caller]
pub(crate) fn assert_counted(amounts: &[u64]) {
    let sum: u64 = amounts.iter().sum();
    let signed = i64::try_from(sum).unwrap();
    let longest = amounts.iter().copied().max().unwrap_or(0);
    let measured = |histogram: HistogramSnapshot| {
        assert_eq!(histogram.count(), amounts.len() as u64);
        assert_eq!(histogram.sum(), sum);
        assert!(histogram.quantile(1.0) >= longest);
    };
    assert_eq!(Meter::DONE.total(), sum);
    assert_eq!(Meter::IN_FLIGHT.total(), -signed);
    assert_eq!(Meter::QUEUE.total(), signed);
    assert_eq!(Meter::LONGEST.total(), longest);
    measured(Meter::LATENCY.total());
    assert_eq!(Meter::BY_STATUS.total(), [0, sum, 0]);
    assert_eq!(Meter::BY_STATUS.at(1).total(), sum);
    assert_eq!(Meter::QUEUES.total(), [0, signed]);
    let [first, second] = Meter::LATENCIES.total();
    measured(first);
    assert_eq!(second.count(), 0);
}

/// Checks that nobody has written to anything.
#[track_caller]
pub(crate) fn assert_nothing_counted() {
    assert_counted(&[]);
    assert_eq!(Meter::state().live_threads(), 0);
    assert_eq!(Meter::DONE.get(), 0);
    assert_eq!(Meter::IN_FLIGHT.get(), 0);
    assert_eq!(Meter::QUEUE.get(), 0);
    assert_eq!(Meter::LONGEST.get(), 0);
    assert_eq!(Meter::LATENCY.get().count(), 0);
    assert_eq!(Meter::BY_STATUS.at(1).get(), 0);
    assert!(Meter::DONE.per_thread().into_rows().is_empty());
    assert!(Meter::LATENCY.per_thread().into_rows().is_empty());
    assert!(Meter::BY_STATUS.per_thread().into_rows().is_empty());
    assert_eq!(Meter::DONE.take_total(), 0);
    assert_eq!(Meter::LATENCY.take_total().count(), 0);
    for info in shared_fields() {
        match info.total {
            Total::Counter(total) | Total::Peak(total) => assert_eq!(total, 0),
            Total::UpDown(total) | Total::Gauge(total) => assert_eq!(total, 0),
            Total::Histogram(total) => assert_eq!(total, HistogramSnapshot::default()),
            other => panic!("{other:?}"),
        }
    }
}

/// Fails if the child inherits the registry, or the pointers to this thread's blocks.
#[test]
fn every_field_starts_at_zero_and_counts_from_there() {
    alone(|| {
        count(5);
        in_child(|| {
            assert_nothing_counted();
            count(3);
            assert_counted(&[3]);
            assert_eq!(Meter::DONE.get(), 3);
            assert_eq!(Meter::state().live_threads(), 1);
            assert_eq!(Meter::LATENCY.get().count(), 1);
            on_thread(|| {
                count(4);
                assert_counted(&[3, 4]);
            });
            assert_eq!(Meter::DONE.total(), 7);
            assert_eq!(Meter::QUEUE.total(), 3, "of live threads");
            assert_eq!(Meter::LATENCY.total().count(), 2);
        });
        assert_counted(&[5]);
        assert_eq!(Meter::state().live_threads(), 1);
        count(2);
        assert_eq!(Meter::DONE.total(), 7);
    });
}

/// Fails if a thread that has never made a value is not looked at.
#[test]
fn without_a_value_as_well_as_with_one() {
    alone(|| {
        count(5);
        assert!(!Meter::state().is_initialized());
        in_child(|| {
            assert_nothing_counted();
            count(1);
            assert!(!Meter::state().is_initialized());
            assert_counted(&[1]);
        });
        Meter::NUMBER.set(3);
        in_child(|| {
            assert_nothing_counted();
            assert!(!Meter::state().is_initialized());
            Meter::with_state(|_| Meter::DONE.add(2));
            assert_eq!(Meter::DONE.total(), 2);
            assert_eq!(Meter::NUMBER.get(), 0);
        });
        assert_counted(&[5]);
    });
}

/// Fails if only what `fork = reset` is on starts anew: adding up over processes would count
/// the parent's work twice.
#[test]
fn a_kept_states_fields_start_at_zero_as_well() {
    alone(|| {
        KeptMeter::NUMBER.set(5);
        KeptMeter::DONE.add(5);
        KeptMeter::LATENCY.record(5);
        in_child(|| {
            assert_eq!(KeptMeter::NUMBER.get(), 5);
            assert_eq!(KeptMeter::DONE.total(), 0);
            assert_eq!(KeptMeter::DONE.get(), 0);
            assert_eq!(KeptMeter::LATENCY.total().count(), 0);
            assert_eq!(KeptMeter::state().live_threads(), 0);
            KeptMeter::with_state_mut(|meter| {
                KeptMeter::DONE.increment();
                KeptMeter::LATENCY.record(1);
                meter.number += 1;
            });
            assert_eq!(KeptMeter::DONE.total(), 1);
            assert_eq!(KeptMeter::LATENCY.get().sum(), 1);
            assert_eq!(KeptMeter::state().live_threads(), 1);
        });
        assert_eq!(KeptMeter::DONE.total(), 5);
        assert_eq!(KeptMeter::LATENCY.total().sum(), 5);
    });
}

/// Fails if it is the accessors of a value that reset: a reference lives through the fork.
#[test]
fn inside_an_access_to_the_value() {
    alone(|| {
        both(|| {
            Meter::with_state_mut(|_| {
                Meter::DONE.add(5);
                fork_here();
                assert_eq!(Meter::DONE.get(), if is_child() { 0 } else { 5 });
                Meter::DONE.add(2);
                Meter::BY_STATUS.at(0).increment();
                Meter::LATENCY.record(1);
                assert_eq!(Meter::BY_STATUS.total(), [1, 0, 0]);
            });
            assert_eq!(Meter::DONE.total(), if is_child() { 2 } else { 7 });
            assert_eq!(Meter::LATENCY.total().count(), 1);
        });
    });
}

/// Fails if the part of the threads that have ended is not part of what is overwritten.
#[test]
fn what_ended_threads_counted_stays_with_the_parent() {
    alone(|| {
        for _ in 0..3 {
            on_thread(|| count(5));
        }
        in_child(|| {
            assert_nothing_counted();
            on_thread(|| count(2));
            assert_eq!(Meter::DONE.total(), 2);
            assert_eq!(Meter::LONGEST.total(), 2);
            assert_eq!(Meter::IN_FLIGHT.total(), -2);
            assert_eq!(Meter::QUEUE.total(), 0);
            assert_eq!(Meter::LATENCY.total().sum(), 2);
        });
        assert_eq!(Meter::DONE.total(), 15);
        assert_eq!(Meter::LATENCY.total().count(), 3);
    });
}

/// Fails if the child's counts are compared with what the parent has taken.
#[test]
fn what_the_parent_has_taken_is_no_baseline_for_the_child() {
    alone(|| {
        count(5);
        on_thread(|| count(6));
        assert_eq!(Meter::DONE.take_total(), 11);
        assert_eq!(Meter::LATENCY.take_total().count(), 2);
        count(1);
        in_child(|| {
            assert_eq!(Meter::DONE.take_total(), 0);
            count(3);
            assert_eq!(Meter::DONE.take_total(), 3);
            let taken = Meter::LATENCY.take_total();
            assert_eq!((taken.count(), taken.sum()), (1, 3));
            assert_eq!(Meter::DONE.take_total(), 0);
            assert_eq!(Meter::DONE.total(), 3);
        });
        assert_eq!(Meter::DONE.take_total(), 1);
        assert_eq!(Meter::LATENCY.take_total().sum(), 1);
        assert_eq!(Meter::DONE.total(), 12);
    });
}

/// Fails if threads that only the parent has are listed, or counted, or waited for.
#[test]
fn vanished_threads_are_not_listed() {
    alone(|| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let stopped = std::sync::Arc::new(std::sync::Mutex::new(stopped));
        let (ready, is_ready) = std::sync::mpsc::channel();
        let others: Vec<_> = (0..8)
            .map(|_| {
                let (ready, stopped) = (ready.clone(), stopped.clone());
                thread::spawn(move || {
                    count(5);
                    ready.send(()).unwrap();
                    let _ = stopped.lock().unwrap().recv();
                    count(1);
                })
            })
            .collect();
        for _ in &others {
            is_ready.recv().unwrap();
        }
        assert_eq!(Meter::state().live_threads(), 8);
        in_child(|| {
            assert_nothing_counted();
            count(3);
            assert_eq!(Meter::state().live_threads(), 1);
            let listed = Meter::DONE.per_thread().into_rows();
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].thread, thread::current().id());
            assert_eq!(listed[0].name.as_deref(), thread::current().name());
            assert_eq!(listed[0].value, 3);
            thread::Builder::new()
                .name("of the child".into())
                .spawn(|| {
                    count(4);
                    let mut names: Vec<_> = Meter::DONE
                        .per_thread()
                        .into_rows()
                        .into_iter()
                        .map(|thread| (thread.value, thread.name))
                        .collect();
                    names.sort();
                    assert_eq!(names.len(), 2);
                    assert_eq!(names[1], (4, Some("of the child".into())));
                })
                .unwrap()
                .join()
                .unwrap();
            assert_eq!(Meter::state().live_threads(), 1);
        });
        assert_eq!(Meter::state().live_threads(), 8);
        drop(stop);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(Meter::DONE.total(), 8 * 6);
        assert_eq!(Meter::state().live_threads(), 0);
    });
}

/// Fails if the child takes blocks from a list that is cut off, or gives its parent's away.
#[test]
fn many_threads_in_the_child_after_many_in_the_parent() {
    fn many() {
        thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    count(1);
                    assert_eq!(Meter::DONE.get(), 1);
                    assert_eq!(Meter::LATENCY.get().count(), 1);
                });
            }
        });
    }
    alone(|| {
        many();
        count(1);
        in_child(|| {
            many();
            many();
            assert_eq!(Meter::DONE.total(), 100);
            assert_eq!(Meter::LATENCY.total().count(), 100);
            in_child(|| {
                assert_nothing_counted();
                many();
                assert_eq!(Meter::DONE.total(), 50);
            });
            assert_eq!(Meter::DONE.total(), 100);
        });
        assert_eq!(Meter::DONE.total(), 51);
        many();
        assert_eq!(Meter::DONE.total(), 101);
    });
}

/// Fails if the sum over the processes of a pool is not the work that was done.
#[test]
fn the_sum_over_processes_is_the_work_done() {
    alone(|| {
        let numbers = crate::support::shared_numbers();
        count(10);
        let children: Vec<_> = (0..4)
            .filter_map(|index| {
                let child = crate::support::fork();
                if child.is_none() {
                    crate::support::checked(|| {
                        on_thread(|| count(1));
                        count(index);
                        let total = usize::try_from(Meter::DONE.total()).unwrap();
                        numbers[0].fetch_add(total, std::sync::atomic::Ordering::SeqCst);
                    });
                    crate::support::end_at_once(0);
                }
                child
            })
            .collect();
        children
            .into_iter()
            .for_each(crate::support::Child::succeed);
        let of_children = numbers[0].load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(of_children, 4 + 1 + 2 + 3);
        assert_eq!(Meter::DONE.total(), 10);
    });
}

macro_rules! many_states {
    ($($Name:ident)*) => {
        $(#[thread_local_state(fork = reset)]
        struct $Name {
            #[state(shared)]
            count: Counter,
            number: u64,
        })*

        const MANY: &[(fn(u64), fn() -> u64)] =
            &[$((|amount| $Name::COUNT.add(amount), || $Name::COUNT.total())),*];
    };
}

many_states! { A B C D E F G H I J K L M N O P Q R S T U V W X Y Z }

fn add_to_all(amount: u64) {
    for (add, _) in MANY {
        add(amount);
    }
}

/// Fails if the handler knows of one state's registry only.
#[test]
fn many_states_at_once() {
    alone(|| {
        add_to_all(5);
        on_thread(|| add_to_all(6));
        in_child(|| {
            assert!(MANY.iter().all(|(_, total)| total() == 0));
            for (index, (add, total)) in MANY.iter().enumerate() {
                add(index as u64);
                assert_eq!(total(), index as u64);
            }
            assert_eq!(A::NUMBER.get(), 0);
        });
        assert!(MANY.iter().all(|(_, total)| total() == 11));
    });
}

/// Fails if a process that has never written registers the handler too late, or never.
#[test]
fn the_first_write_may_come_in_the_child() {
    alone(|| {
        in_child(|| {
            count(2);
            assert_counted(&[2]);
            in_child(|| {
                assert_nothing_counted();
                count(1);
                assert_counted(&[1]);
            });
            assert_counted(&[2]);
        });
        assert_nothing_counted();
        count(3);
        in_child(|| assert_nothing_counted());
    });
}
