//! What a collector sees of a histogram.

use std::fmt::{self, Debug, Formatter};

use crate::shared::histogram::{BUCKETS, middle};

/// The values recorded in a [`Histogram`](crate::shared::Histogram): by one thread, by all threads, or
/// since the last [`take_total`](crate::shared::SharedField::take_total).
///
/// Values below 128 are exact. A larger value is reported as the middle of its bucket, which is at most
/// 1/64 as wide as the value is large. So the relative error is below 0.79 % over the whole range of
/// `u64`. A snapshot takes 29.5 KiB.
///
/// # Examples
///
/// ```
/// use tls_core::{Histogram, thread_local_state};
///
/// #[thread_local_state]
/// struct Worker {
///     #[state(shared)]
///     latency: Histogram, // in microseconds
/// }
///
/// fn main() {
///     for micros in 1..=1000 {
///         Worker::LATENCY.record(micros);
///     }
///     let latency = Worker::LATENCY.total();
///     assert_eq!(latency.count(), 1000);
///     assert_eq!(latency.sum(), 500_500);
///     assert!((496..=504).contains(&latency.quantile(0.5)));
///     assert_eq!(latency.count_at_most(100), 100);
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// The counts of all `BUCKETS` buckets.
    counts: Box<[u64]>,
    sum: u64,
}

impl HistogramSnapshot {
    /// Returns how many values were recorded.
    ///
    /// See [`HistogramSnapshot`] for an example.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, &count| sum.wrapping_add(count))
    }

    /// Returns the exact sum of the values, in their unit. The sum wraps around.
    ///
    /// See [`HistogramSnapshot`] for an example.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Returns the value that a share `q` of the values does not exceed: 0.5 for the median, 0.99 for the
    /// 99th percentile. The result is in the unit of the values, with a relative error below 0.79 %.
    ///
    /// `q` is clamped to the range from 0 to 1; NaN counts as 0. Returns 0 if there are no values.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{Histogram, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Worker { #[state(shared)] latency: Histogram }
    /// # fn main() {
    /// assert_eq!(Worker::LATENCY.total().quantile(0.5), 0);
    /// for value in [10, 20, 30, 40] {
    ///     Worker::LATENCY.record(value);
    /// }
    /// let latency = Worker::LATENCY.total();
    /// assert_eq!([0.0, 0.5, 0.75, 1.0].map(|q| latency.quantile(q)), [10, 20, 30, 40]);
    /// # }
    /// ```
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count beyond 2^53 has more digits than a quantile can use; `as` saturates"
    )]
    pub fn quantile(&self, q: f64) -> u64 {
        let count = self.count();
        // At least one, because the lowest value has rank one. `as` turns NaN into zero.
        let mut rank = ((q * count as f64).ceil() as u64).clamp(1, count.max(1));
        // Rounding may have raised the rank: `0.07 * 100.0` is a little more than 7.
        if rank > 1 && (rank - 1) as f64 / count as f64 >= q {
            rank -= 1;
        }
        let mut seen = 0_u64;
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen = seen.wrapping_add(count);
            if seen >= rank {
                return middle(bucket);
            }
        }
        0
    }

    /// Returns the lowest of the values, with a relative error below 0.79 %, or `None` if there are no
    /// values.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{Histogram, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Worker { #[state(shared)] latency: Histogram }
    /// # fn main() {
    /// assert_eq!(Worker::LATENCY.total().min(), None);
    /// for value in [20, 10, 90] {
    ///     Worker::LATENCY.record(value);
    /// }
    /// let latency = Worker::LATENCY.total();
    /// assert_eq!((latency.min(), latency.max()), (Some(10), Some(90)));
    /// assert_eq!(latency.mean(), 40.0);
    /// # }
    /// ```
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        let bucket = self.counts.iter().position(|&count| count != 0)?;
        Some(middle(bucket))
    }

    /// Returns the highest of the values, with a relative error below 0.79 %, or `None` if there are no
    /// values.
    ///
    /// See [`min`](Self::min) for an example.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        let bucket = self.counts.iter().rposition(|&count| count != 0)?;
        Some(middle(bucket))
    }

    /// Returns the mean of the values, or 0 if there are none. The mean is that of their exact sum,
    /// unless the sum has wrapped around.
    ///
    /// See [`min`](Self::min) for an example.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number beyond 2^53 has more digits than a mean can use"
    )]
    pub fn mean(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.sum as f64 / count as f64,
        }
    }

    /// Returns the number of values that are at most `bound`.
    ///
    /// Exact for bounds below 128. Above, each value counts as what [`quantile`](Self::quantile) reports
    /// for it. So a value close to the bound may count as if it were on the other side: the effective
    /// bound is up to 0.79 % off.
    ///
    /// See [`HistogramSnapshot`] for an example.
    #[must_use]
    pub fn count_at_most(&self, bound: u64) -> u64 {
        self.counts
            .iter()
            .enumerate()
            .take_while(|&(bucket, _)| middle(bucket) <= bound)
            .fold(0, |sum, (_, &count)| sum.wrapping_add(count))
    }

    /// Adds the values of another histogram, exactly as if they had been recorded in this one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{Histogram, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Worker { #[state(shared)] reads: Histogram, #[state(shared)] writes: Histogram }
    /// # fn main() {
    /// Worker::READS.record(3);
    /// Worker::WRITES.record(5);
    /// let mut both = Worker::READS.total();
    /// both.merge(&Worker::WRITES.total());
    /// assert_eq!((both.count(), both.sum()), (2, 8));
    /// # }
    /// ```
    pub fn merge(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.wrapping_add(*other);
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Adds the words of a histogram.
    pub(crate) fn add(&mut self, words: impl Iterator<Item = u64>) {
        let own = self.counts.iter_mut().chain([&mut self.sum]);
        for (count, word) in own.zip(words) {
            *count = count.wrapping_add(word);
        }
    }

    /// Replaces every word by what the function returns for its number and the word.
    pub(crate) fn for_each_word(&mut self, mut change: impl FnMut(usize, u64) -> u64) {
        let own = self.counts.iter_mut().chain([&mut self.sum]);
        for (index, word) in own.enumerate() {
            *word = change(index, *word);
        }
    }
}

impl Default for HistogramSnapshot {
    /// Returns a snapshot without values.
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS].into_boxed_slice(),
            sum: 0,
        }
    }
}

impl Debug for HistogramSnapshot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistogramSnapshot")
            .field("count", &self.count())
            .field("sum", &self.sum)
            .field("median", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(tls_core_loom)))]
mod tests {
    use super::*;
    use crate::shared::histogram::bucket;

    #[test]
    fn a_quantile_is_not_a_rank_off_because_of_rounding() {
        let mut snapshot = HistogramSnapshot::default();
        for value in 1..=100 {
            snapshot.counts[bucket(value)] += 1;
        }
        for (percent, rank) in (1..=100_u32).zip(1..) {
            assert_eq!(snapshot.quantile(f64::from(percent) / 100.0), rank);
        }
    }

    #[test]
    fn an_empty_histogram_has_no_quantiles_and_strange_ones_are_clamped() {
        let mut snapshot = HistogramSnapshot::default();
        assert_eq!(snapshot.quantile(0.5), 0);
        snapshot.counts[7] = 1;
        snapshot.counts[9] = 1;
        for (q, value) in [(-1.0, 7), (f64::NAN, 7), (2.0, 9), (f64::INFINITY, 9)] {
            assert_eq!(snapshot.quantile(q), value, "{q}");
        }
    }
}
