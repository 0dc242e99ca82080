//! The arithmetic of histograms.
//!
//! Buckets are log-linear, as in Gil Tene's `HdrHistogram`: every power of two is divided into [`STEPS`]
//! equal buckets, so a bucket is at most 1/64 as wide as its values are large. A value is reported as the
//! middle of its bucket, which is at most 1/128, 0.79 %, off.

/// log2 of the number of buckets in an octave.
const STEP_BITS: u32 = 6;

/// The number of buckets in an octave.
const STEPS: usize = 1 << STEP_BITS;

/// The number of buckets. Values below `2 * STEPS` have a bucket each; above, every further octave of a
/// `u64` has `STEPS`. A model records only zeros and ones, and has no more buckets.
pub(crate) const BUCKETS: usize = if cfg!(tls_core_loom) {
    2
} else {
    (u64::BITS - STEP_BITS + 1) as usize * STEPS
};

/// The number of a histogram's words: its buckets, and the sum of its values.
pub(crate) const WORDS: usize = BUCKETS + 1;

/// The number of the word that holds the sum.
pub(crate) const SUM: usize = BUCKETS;

/// Returns the number of a value's bucket.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "seven bits are left after the shift"
)]
pub(crate) const fn bucket(value: u64) -> usize {
    // `| 1`, so that there is a highest bit. Below `2 * STEPS` nothing is shifted.
    let highest = (value | 1).ilog2();
    let shift = highest.saturating_sub(STEP_BITS);
    shift as usize * STEPS + (value >> shift) as usize
}

/// Returns the middle of a bucket, which represents its values.
pub(crate) const fn middle(bucket: usize) -> u64 {
    if bucket < 2 * STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    let lowest = ((bucket % STEPS + STEPS) as u64) << shift;
    lowest + ((1 << shift) - 1) / 2
}

#[cfg(all(test, not(tls_core_loom)))]
mod tests {
    use super::*;

    /// Values at the edges of octaves and buckets, and some between.
    fn samples() -> impl Iterator<Item = u64> {
        let powers = (0..64).map(|bit| 1_u64 << bit);
        let around = powers.flat_map(|power| {
            [0, 1, power / 64, power / 64 + 1, power / 3, power - 1].map(|more| power + more)
        });
        (0..1000).chain(around).chain([u64::MAX - 1, u64::MAX])
    }

    #[test]
    fn buckets_cover_every_value_in_order() {
        let mut values: Vec<u64> = samples().collect();
        values.sort_unstable();
        let buckets: Vec<usize> = values.iter().map(|&value| bucket(value)).collect();
        assert!(buckets.is_sorted());
        assert_eq!((buckets[0], buckets[buckets.len() - 1]), (0, BUCKETS - 1));
    }

    /// The least value that is not below a bucket.
    fn lowest(number: usize) -> u64 {
        let mut lowest = 0;
        for bit in (0..u64::BITS).rev() {
            let higher = lowest | 1 << bit;
            if bucket(higher - 1) < number {
                lowest = higher;
            }
        }
        lowest
    }

    #[test]
    fn a_bucket_is_known_by_its_middle_which_is_near_its_values() {
        for number in 0..BUCKETS {
            let lowest = lowest(number);
            let highest = if number + 1 < BUCKETS {
                self::lowest(number + 1) - 1
            } else {
                u64::MAX
            };
            assert_eq!([lowest, highest].map(bucket), [number; 2]);
            assert_eq!(middle(number), lowest + (highest - lowest) / 2);
        }
        for value in samples() {
            let error = middle(bucket(value)).abs_diff(value);
            assert!(error <= value / 128, "{value}: {error}");
        }
    }
}
