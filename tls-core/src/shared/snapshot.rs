//! What a histogram looks like from outside.

use std::fmt::{self, Debug, Formatter};

use crate::shared::histogram::{BUCKETS, middle};

/// What has been recorded in a [`Histogram`](crate::shared::Histogram): by one thread, by all, or since
/// the last [`take_total`](crate::shared::SharedField::take_total).
///
/// Values below 128 are kept exactly. Larger ones are reported as the middle of a bucket that is at
/// most 1/64 as wide as they are large: the relative error is below 0.79 % over the whole range of
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
    /// `BUCKETS` of them.
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

    /// Returns the sum of the values, exactly, in their own unit. It wraps around.
    ///
    /// See [`HistogramSnapshot`] for an example.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Returns the value that a share of `q` of the values does not exceed: 0.5 for the median, 0.99
    /// for the 99th percentile. In the unit of the values, with a relative error below 0.79 %.
    ///
    /// `q` is taken as 0 if it is below, or not a number, and as 1 if it is above. Returns 0 if
    /// there are no values.
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
        // At least one: the lowest value is at rank one. Not a number is zero in `as`.
        let mut rank = ((q * count as f64).ceil() as u64).clamp(1, count.max(1));
        // 0.07 * 100.0 is a little more than 7.
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

    /// Returns the lowest of the values, with a relative error below 0.79 %. `None` if there are none.
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

    /// Returns the highest of the values, with a relative error below 0.79 %. `None` if there are none.
    ///
    /// See [`min`](Self::min) for an example.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        let bucket = self.counts.iter().rposition(|&count| count != 0)?;
        Some(middle(bucket))
    }

    /// Returns the mean of the values, of their exact sum as long as that has not wrapped around. 0 if there are
    /// none.
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

    /// Returns how many of the values are at most `bound`.
    ///
    /// Exact for bounds below 128. Above, a value near the bound may be taken for one on its other
    /// side, as [`quantile`](Self::quantile) reports it: the bound is as if it were up to 0.79 % off.
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

    /// Adds the values of another histogram, exactly: as if they had been recorded here.
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

    /// Adds what is in a histogram's words.
    pub(crate) fn add(&mut self, words: impl Iterator<Item = u64>) {
        let own = self.counts.iter_mut().chain([&mut self.sum]);
        for (count, word) in own.zip(words) {
            *count = count.wrapping_add(word);
        }
    }

    /// Replaces every word by what the function makes of its number and it.
    pub(crate) fn for_each_word(&mut self, mut change: impl FnMut(usize, u64) -> u64) {
        let own = self.counts.iter_mut().chain([&mut self.sum]);
        for (index, word) in own.enumerate() {
            *word = change(index, *word);
        }
    }
}

impl Default for HistogramSnapshot {
    /// No values.
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
