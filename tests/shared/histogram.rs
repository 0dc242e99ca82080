//! `Histogram`, checked against the `hdrhistogram` crate and against the sorted values themselves.

use std::iter;
use std::sync::LazyLock;

use hdrhistogram::Histogram as Reference;
use tls_core::shared::HistogramSnapshot;
use tls_core::{Histogram, thread_local_state};

use crate::support::{on_thread, scaled};

/// The relative error that a quantile may have.
const ERROR: f64 = 0.01;

/// A small generator of pseudorandom numbers (splitmix64): the same ones in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// In (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

fn values_of(mut draw: impl FnMut(&mut Random) -> u64) -> Vec<u64> {
    let mut random = Random(1);
    iter::repeat_with(|| draw(&mut random))
        .take(scaled(100_000).max(1_000))
        .collect()
}

fn uniform() -> Vec<u64> {
    values_of(|random| random.next() % 1_000_000)
}

fn exponential() -> Vec<u64> {
    values_of(|random| (-random.unit().ln() * 50_000.0) as u64)
}

/// Pareto: most are small, some are enormous.
fn heavy_tailed() -> Vec<u64> {
    values_of(|random| (100.0 * random.unit().powf(-1.2)) as u64)
}

/// Every magnitude is as frequent as any other, the last values included.
fn whole_range() -> Vec<u64> {
    let mut values = values_of(|random| {
        let shift = random.next() % 64;
        random.next() >> shift
    });
    values.extend([
        0,
        1,
        127,
        128,
        129,
        1 << 62,
        (1 << 63) - 1,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ]);
    values
}

/// Those that are kept exactly.
fn small() -> Vec<u64> {
    values_of(|random| random.next() % 128)
}

fn same() -> Vec<u64> {
    vec![123_456_789; 1_000]
}

fn single() -> Vec<u64> {
    vec![987_654_321]
}

/// An exact one: sorted values.
struct Exact(Vec<u64>);

impl Exact {
    fn of(values: &[u64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        Self(sorted)
    }

    fn quantile(&self, q: f64) -> u64 {
        self.0[self.rank(q) - 1]
    }

    fn rank(&self, q: f64) -> usize {
        // The first rank that reaches the share, by division: the product of `q` and the count may
        // be rounded up to beyond a whole number.
        let count = self.0.len();
        let reaches = |rank: &usize| *rank as f64 / count as f64 >= q;
        (1..=count).find(reaches).unwrap_or(count)
    }

    fn count_at_most(&self, bound: u64) -> u64 {
        self.0.partition_point(|&value| value <= bound) as u64
    }
}

/// In order.
fn quantiles() -> impl Iterator<Item = f64> {
    let fine = [0.0, 0.000_1, 0.001, 0.005].into_iter();
    let percents = (1..100).map(|percent| f64::from(percent) / 100.0);
    fine.chain(percents).chain([0.995, 0.999, 0.999_9, 1.0])
}

#[track_caller]
fn assert_near(is: u64, ought: u64, error: f64, what: &str) {
    // Whole numbers: those below 100 have to be the same.
    let off = is.abs_diff(ought) as f64;
    assert!(off <= error * ought as f64, "{what}: {is}, not {ought}");
}

macro_rules! distributions {
    ($($Name:ident $values:ident $test:ident;)*) => {$(
        #[thread_local_state]
        struct $Name {
            #[state(shared)]
            values: Histogram,
            /// Each value in one of two.
            #[state(shared)]
            halves: [Histogram; 2],
        }

        /// Recorded by several threads, some of which are still there.
        #[test]
        fn $test() {
            static VALUES: LazyLock<Vec<u64>> = LazyLock::new($values);
            on_thread(|| {
                let (exiting, staying) = VALUES.split_at(VALUES.len() / 3);
                let record = |values: &[u64]| {
                    for &value in values {
                        $Name::VALUES.record(value);
                        $Name::HALVES.at((value % 2) as usize).record(value);
                    }
                };
                on_thread(move || record(exiting));
                record(staying);
                assert_right(&$Name::VALUES.total(), &VALUES);
                assert_eq!($Name::VALUES.get().count(), staying.len() as u64);
            });
            let total = $Name::VALUES.total();
            assert_right(&total, &VALUES);
            let [even, odd] = $Name::HALVES.total();
            let mut merged = even.clone();
            merged.merge(&odd);
            assert_eq!(merged, total, "merging is exact");
            let mut merged = odd;
            merged.merge(&even);
            assert_eq!(merged, total, "in either order");
            merged.merge(&HistogramSnapshot::default());
            assert_eq!(merged, total, "with nothing, too");
        }
    )*};
}

distributions! {
    Uniform uniform quantiles_of_uniform_values_are_within_one_percent;
    Exponential exponential quantiles_of_exponential_values_are_within_one_percent;
    HeavyTailed heavy_tailed quantiles_of_heavy_tailed_values_are_within_one_percent;
    WholeRange whole_range quantiles_over_the_whole_range_are_within_one_percent;
    Small small quantiles_of_small_values_are_exact;
    Same same quantiles_of_one_repeated_value_are_within_one_percent;
    Single single quantiles_of_a_single_value_are_within_one_percent;
}

fn assert_right(snapshot: &HistogramSnapshot, values: &[u64]) {
    let exact = Exact::of(values);
    // More precise than what is checked.
    let mut reference = Reference::<u64>::new_with_bounds(1, u64::MAX, 4).unwrap();
    for &value in values {
        reference.record(value).unwrap();
    }
    assert_eq!(snapshot.count(), reference.len());
    let sum = values
        .iter()
        .fold(0, |sum: u64, &value| sum.wrapping_add(value));
    assert_eq!(snapshot.sum(), sum);

    let mut last = 0;
    for q in quantiles() {
        let quantile = snapshot.quantile(q);
        assert_near(
            quantile,
            exact.quantile(q),
            1.0 / 127.0,
            &format!("exactly, {q}"),
        );
        // It multiplies, and where the product is rounded up it answers with the next rank.
        let below = reference.value_at_quantile(q * (1.0 - f64::EPSILON));
        let is_near_below = quantile.abs_diff(below) as f64 <= ERROR * below as f64;
        if !is_near_below {
            let reference = reference.value_at_quantile(q);
            assert_near(quantile, reference, ERROR, &format!("{q}"));
        }
        assert!(quantile >= last, "{q}: quantiles rise");
        last = quantile;
        // The two questions have consistent answers.
        let rank = exact.rank(q) as u64;
        assert!(snapshot.count_at_most(quantile) >= rank, "{q}");
        if let Some(below) = quantile.checked_sub(1) {
            assert!(snapshot.count_at_most(below) < rank, "{q}");
        }
    }

    let mut last = 0;
    let bounds = (0..64).flat_map(|bit| [1 << bit, 3 << bit >> 1, (1 << bit) + 1_u64]);
    let mut bounds: Vec<u64> = (0..300)
        .chain(bounds)
        .chain([u64::MAX - 1, u64::MAX])
        .collect();
    bounds.sort_unstable();
    for bound in bounds {
        let count = snapshot.count_at_most(bound);
        // As if the bound were off by as much as a value may be.
        let off = bound / 127;
        let fewest = exact.count_at_most(bound - off);
        let most = exact.count_at_most(bound.saturating_add(off));
        assert!(
            (fewest..=most).contains(&count),
            "{bound}: {count} in {fewest}..={most}"
        );
        if bound < 127 {
            assert_eq!(count, exact.count_at_most(bound));
        }
        assert!(count >= last, "{bound}: counts rise");
        last = count;
    }
    // The last value stands for those of its bucket, some of which are greater than it.
    assert_eq!(snapshot.count_at_most(u64::MAX), snapshot.count());
}

#[thread_local_state]
struct Edges {
    #[state(shared)]
    values: Histogram,
}

#[test]
fn no_value_is_reported_more_than_one_percent_off() {
    on_thread(|| {
        let powers = (0..64).map(|bit| 1_u64 << bit);
        let around = powers.flat_map(|power| {
            let parts = [
                0,
                1,
                power / 64,
                power / 64 + 1,
                power / 3,
                power / 2,
                power - 1,
            ];
            parts
                .map(|part| power + part)
                .into_iter()
                .chain([power - 1])
        });
        for value in (0..2_000).chain(around).chain([u64::MAX]) {
            Edges::VALUES.record(value);
            let one = Edges::VALUES.take_total();
            assert_eq!((one.count(), one.sum()), (1, value));
            assert_near(one.quantile(0.5), value, ERROR, "alone");
            if value < 128 {
                assert_eq!(one.quantile(1.0), value);
                assert_eq!(one.count_at_most(value), 1);
                assert_eq!(
                    value
                        .checked_sub(1)
                        .map_or(0, |below| one.count_at_most(below)),
                    0
                );
            }
        }
    });
}

#[test]
fn an_empty_snapshot_has_no_values() {
    let empty = HistogramSnapshot::default();
    assert_eq!(
        (empty.count(), empty.sum(), empty.count_at_most(u64::MAX)),
        (0, 0, 0)
    );
    for q in [0.0, 0.5, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
        assert_eq!(empty.quantile(q), 0);
    }
    assert_eq!(empty, Empty::VALUES.total());
    assert_eq!(empty, Empty::VALUES.take_total());
    assert_eq!(empty, on_thread(|| Empty::VALUES.get()));
}

#[thread_local_state]
struct Empty {
    #[state(shared)]
    values: Histogram,
}

#[test]
fn merging_what_threads_have_for_themselves_gives_the_total() {
    on_thread(|| {
        let thread = std::thread::spawn(|| {
            (0..1_000).for_each(|value| PerThread::VALUES.record(value * value));
            merged_is_the_total(1);
            PerThread::VALUES.record(5);
        });
        thread.join().unwrap();
        (0..1_000).for_each(|value| PerThread::VALUES.record(value * 7));
        assert_eq!(PerThread::VALUES.get().count(), 1_000);
        assert_eq!(PerThread::VALUES.total().count(), 2_001);
    });
}

fn merged_is_the_total(threads: usize) {
    let mut merged = HistogramSnapshot::default();
    let per_thread = PerThread::VALUES.per_thread().into_rows();
    assert_eq!(per_thread.len(), threads);
    for thread in per_thread {
        merged.merge(&thread.value);
    }
    assert_eq!(merged, PerThread::VALUES.total());
}

#[thread_local_state]
struct PerThread {
    #[state(shared)]
    values: Histogram,
}

#[thread_local_state]
struct Extremes {
    #[state(shared)]
    values: Histogram,
}

#[test]
fn the_lowest_the_highest_and_the_mean_are_those_of_all_threads_and_of_none() {
    let nothing = Extremes::VALUES.total();
    assert_eq!((nothing.min(), nothing.max()), (None, None));
    assert_eq!(nothing.mean().to_bits(), 0.0_f64.to_bits());
    for values in [[40, 3], [1_000_000, 77]] {
        on_thread(move || values.map(|value| Extremes::VALUES.record(value)));
    }
    let all = Extremes::VALUES.total();
    assert_eq!(all.min(), Some(3));
    assert!(all.max().unwrap().abs_diff(1_000_000) < 7_900);
    assert!((all.mean() - 250_030.0).abs() < 1e-6, "of the exact sum");
}
