//! Arrays of shared values: labels by number.

use tls_core::shared::{Gauge, HistogramSnapshot, Peak, UpDown};
use tls_core::{Counter, Histogram, thread_local_state};

use crate::support::{on_thread, panic_of};

#[derive(Clone, Copy)]
enum Outcome {
    Done,
    Retried,
    Failed,
}

#[thread_local_state]
struct Arrays {
    #[state(shared)]
    before: Counter,
    #[state(shared)]
    outcomes: [Counter; 3],
    #[state(shared)]
    up_downs: [UpDown; 2],
    #[state(shared)]
    gauges: [Gauge; 2],
    #[state(shared)]
    peaks: [Peak; 2],
    #[state(shared)]
    histograms: [Histogram; 2],
    #[state(shared)]
    after: Counter,
}

#[test]
fn elements_of_every_kind_are_written_and_totaled_for_themselves() {
    on_thread(|| {
        Arrays::BEFORE.add(1);
        Arrays::AFTER.add(2);
        Arrays::OUTCOMES.at(Outcome::Done as usize).add(10);
        Arrays::OUTCOMES.at(Outcome::Failed as usize).increment();
        Arrays::UP_DOWNS.at(1).add(-5);
        Arrays::GAUGES.at(0).set(6);
        Arrays::PEAKS.at(1).record(7);
        Arrays::HISTOGRAMS.at(0).record(8);
        Arrays::HISTOGRAMS.at(1).record(9);
        Arrays::HISTOGRAMS.at(1).record(9);
        assert_eq!(Arrays::OUTCOMES.get(), [10, 0, 1]);
        assert_eq!(Arrays::OUTCOMES.at(Outcome::Retried as usize).get(), 0);
        assert_eq!(Arrays::GAUGES.total(), [6, 0]);
        assert_eq!(Arrays::GAUGES.at(0).total(), 6);
        assert_eq!(Arrays::HISTOGRAMS.get().map(|each| each.sum()), [8, 18]);
        Arrays::with_state(|_| {
            Arrays::OUTCOMES.at(1).add(3);
            Arrays::HISTOGRAMS.at(0).record(1);
            assert_eq!(Arrays::OUTCOMES.at(1).get(), 3);
        });
    });
    assert_eq!(Arrays::OUTCOMES.total(), [10, 3, 1]);
    assert_eq!(Arrays::UP_DOWNS.total(), [0, -5]);
    assert_eq!(Arrays::GAUGES.total(), [0, 0]);
    assert_eq!(Arrays::PEAKS.total(), [0, 7]);
    assert_eq!(Arrays::HISTOGRAMS.total().map(|each| each.sum()), [9, 18]);
    assert_eq!(Arrays::HISTOGRAMS.at(1).total().count(), 2);
    assert_eq!((Arrays::BEFORE.total(), Arrays::AFTER.total()), (1, 2));
}

/// An element that does not exist must not be the next field's cell.
#[test]
fn an_index_out_of_range_panics_and_writes_nowhere() {
    on_thread(|| {
        let panic = panic_of(|| Bounds::COUNTS.at(2).increment());
        assert_eq!(
            panic.text,
            "there is no element 2 in `Bounds::counts`, which has 2"
        );
        assert_eq!(panic.file, file!());
        panic_of(|| Bounds::COUNTS.at(usize::MAX).increment());
        panic_of(|| Bounds::with_state(|_| Bounds::COUNTS.at(2).increment()));
        assert_eq!(Bounds::NEXT.total(), 0);
        assert_eq!(Bounds::COUNTS.total(), [0, 0]);
    });
}

#[thread_local_state]
struct Bounds {
    #[state(shared)]
    counts: [Counter; 2],
    #[state(shared)]
    next: Counter,
}

const LABELS: usize = 4;

#[thread_local_state]
struct Sizes {
    #[state(shared)]
    one: [Counter; 1],
    #[state(shared)]
    named: [UpDown; LABELS],
    #[state(shared)]
    computed: [Peak; 2 * LABELS + 1],
    #[state(shared)]
    many: [Counter; 1000],
}

#[test]
fn arrays_are_of_any_length_and_their_elements_do_not_overlap() {
    on_thread(|| {
        Sizes::ONE.at(0).add(5);
        for (index, level) in (0..LABELS).zip(0..) {
            Sizes::NAMED.at(index).add(level);
        }
        for index in 0..=2 * LABELS {
            Sizes::COMPUTED.at(index).record(index as u64);
        }
        for index in 0..1000 {
            Sizes::MANY.at(index).add(index as u64);
        }
    });
    assert_eq!(Sizes::ONE.total(), [5]);
    assert_eq!(Sizes::NAMED.total(), [0, 1, 2, 3]);
    assert_eq!(Sizes::COMPUTED.total(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(Sizes::MANY.total().into_iter().eq(0..1000));
}

#[thread_local_state]
struct Nested {
    #[state(shared)]
    counts: [[Counter; 2]; 3],
    #[state(shared)]
    times: [[Histogram; 2]; 2],
    #[state(shared)]
    after: Counter,
}

#[test]
fn elements_of_nested_arrays_do_not_overlap_and_are_taken_for_themselves() {
    let write = || {
        for outer in 0..3 {
            for inner in 0..2 {
                Nested::COUNTS
                    .at(outer)
                    .at(inner)
                    .add(10 * outer as u64 + inner as u64 + 1);
            }
        }
        Nested::TIMES.at(1).at(0).record(5);
        Nested::with_state(|_| Nested::TIMES.at(0).at(1).record(6));
        Nested::AFTER.increment();
    };
    on_thread(move || {
        write();
        assert_eq!(Nested::COUNTS.get(), [[1, 2], [11, 12], [21, 22]]);
    });
    let sums = |times: [[HistogramSnapshot; 2]; 2]| times.map(|row| row.map(|time| time.sum()));
    assert_eq!(Nested::COUNTS.total(), [[1, 2], [11, 12], [21, 22]]);
    assert_eq!(Nested::COUNTS.at(2).total(), [21, 22]);
    assert_eq!(sums(Nested::TIMES.total()), [[0, 6], [5, 0]]);
    assert_eq!(Nested::COUNTS.take_total(), [[1, 2], [11, 12], [21, 22]]);
    assert_eq!(sums(Nested::TIMES.take_total()), [[0, 6], [5, 0]]);
    on_thread(move || {
        write();
        Nested::COUNTS.at(1).at(1).add(100);
    });
    assert_eq!(Nested::COUNTS.at(0).take_total(), [1, 2]);
    assert_eq!(
        Nested::COUNTS.take_total(),
        [[0, 0], [11, 112], [21, 22]],
        "what came since, once"
    );
    assert_eq!(sums(Nested::TIMES.take_total()), [[0, 6], [5, 0]]);
    assert_eq!(Nested::AFTER.total(), 2);
}

#[thread_local_state]
struct FirstWrites {
    #[state(shared)]
    gauges: [Gauge; 2],
    #[state(shared)]
    peaks: [Peak; 2],
    #[state(shared)]
    up_downs: [UpDown; 2],
    #[state(shared)]
    counts: [Counter; 2],
    #[state(shared)]
    histograms: [Histogram; 2],
}

/// Each on a thread of its own, which writes nothing else.
#[test]
fn the_first_write_of_a_thread_counts_to_whichever_element_it_is() {
    type Write = (fn(), fn() -> bool);
    let writes: [Write; 6] = [
        (
            || FirstWrites::GAUGES.at(1).set(5),
            || FirstWrites::GAUGES.total() == [0, 5],
        ),
        (
            || FirstWrites::GAUGES.at(1).add(6),
            || FirstWrites::GAUGES.total() == [0, 6],
        ),
        (
            || FirstWrites::PEAKS.at(1).record(5),
            || FirstWrites::PEAKS.total() == [0, 5],
        ),
        (
            || FirstWrites::UP_DOWNS.at(1).add(-5),
            || FirstWrites::UP_DOWNS.total() == [0, -5],
        ),
        (
            || FirstWrites::COUNTS.at(1).add(5),
            || FirstWrites::COUNTS.total() == [0, 5],
        ),
        (
            || FirstWrites::HISTOGRAMS.at(1).record(5),
            || FirstWrites::HISTOGRAMS.total().map(|each| each.sum()) == [0, 5],
        ),
    ];
    for (number, (write, is_counted)) in writes.into_iter().enumerate() {
        on_thread(move || {
            write();
            assert!(is_counted(), "write {number}");
            assert_eq!(FirstWrites::state().live_threads(), 1);
        });
    }
}
