//! Latency histograms that many threads fill without waiting for each other.
//!
//! Log-linear buckets, as HdrHistogram has them (Tene, "HdrHistogram: a high dynamic range
//! histogram"): every power of two of microseconds is cut into [`STEPS`] equal parts, so a
//! percentile is never off by more than one part in [`STEPS`]. Counts are relaxed atomics: a
//! snapshot taken under load may miss the last few requests, never count one twice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Parts of every power of two: 16 keep percentiles within about 6 %.
const STEPS: usize = 16;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// Durations from 2^[`POWERS_MAX`] microseconds (about a minute) on share the last bucket.
const POWERS_MAX: u32 = 26;

const BUCKETS: usize = (POWERS_MAX - STEP_BITS + 1) as usize * STEPS + STEPS;

/// Counts durations by size.
pub struct LatencyHistogram {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
    max_us: AtomicU64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum_us: AtomicU64::new(0),
            max_us: AtomicU64::new(0),
        }
    }
}

impl std::fmt::Debug for LatencyHistogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.snapshot().fmt(f)
    }
}

impl LatencyHistogram {
    /// Counts one duration.
    pub fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(us)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
    }

    /// What was counted until now.
    pub fn snapshot(&self) -> LatencySnapshot {
        LatencySnapshot {
            counts: self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum_us: self.sum_us.load(Ordering::Relaxed),
            max_us: self.max_us.load(Ordering::Relaxed),
        }
    }
}

/// The content of a [`LatencyHistogram`] at one moment; snapshots can be added up.
#[derive(Clone)]
pub struct LatencySnapshot {
    counts: Vec<u64>,
    sum_us: u64,
    max_us: u64,
}

impl Default for LatencySnapshot {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], sum_us: 0, max_us: 0 }
    }
}

impl std::fmt::Debug for LatencySnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LatencySnapshot")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish()
    }
}

impl LatencySnapshot {
    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All durations together.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us)
    }

    /// The longest duration.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us)
    }

    /// The duration that a share `quantile` of all counted ones does not exceed, rounded up to the
    /// end of its bucket; zero if nothing was counted.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let rank = (self.count() as f64 * quantile.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(bucket_end_us(bucket).min(self.max_us));
            }
        }
        Duration::ZERO
    }

    /// Adds another snapshot's counts.
    pub fn add(&mut self, other: &LatencySnapshot) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum_us += other.sum_us;
        self.max_us = self.max_us.max(other.max_us);
    }

    /// The end of every bucket that is not empty, in microseconds, and what fell into it.
    pub(crate) fn filled(&self) -> impl Iterator<Item = (u64, u64)> {
        let buckets = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        buckets.map(|(bucket, count)| (bucket_end_us(bucket), *count))
    }

    /// `(upper bound in seconds, count)` for every power of two, not cumulative: the form in which
    /// OpenMetrics wants a histogram. The last bound is infinite.
    pub(crate) fn by_powers_of_two(&self) -> Vec<(f64, u64)> {
        let mut powers = Vec::with_capacity((POWERS_MAX - STEP_BITS + 2) as usize);
        for (power, counts) in self.counts.chunks(STEPS).enumerate() {
            let last = power * STEPS + STEPS - 1;
            let end_s = (bucket_end_us(last) + 1) as f64 / 1e6;
            powers.push((end_s, counts.iter().sum()));
        }
        if let Some(last) = powers.last_mut() {
            last.0 = f64::INFINITY;
        }
        powers
    }
}

/// Below [`STEPS`] µs one bucket per microsecond, then [`STEPS`] buckets per power of two.
fn bucket_of(us: u64) -> usize {
    if us < STEPS as u64 {
        return us as usize;
    }
    let power = us.ilog2();
    if power > POWERS_MAX {
        return BUCKETS - 1;
    }
    let step = (us >> (power - STEP_BITS)) as usize - STEPS;
    (power - STEP_BITS + 1) as usize * STEPS + step
}

/// The longest duration that falls into `bucket`.
fn bucket_end_us(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let power = (bucket / STEPS) as u32 - 1;
    let step = (bucket % STEPS + STEPS) as u64;
    ((step + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_ends_at_most_one_step_above_what_falls_into_it(us in 0u64..1 << 27) {
            let end = bucket_end_us(bucket_of(us));
            prop_assert!(end >= us);
            prop_assert!(end - us <= us / STEPS as u64);
        }
    }

    #[test]
    fn buckets_rise_without_gaps() {
        for bucket in 0..BUCKETS - 1 {
            let end = bucket_end_us(bucket);
            assert_eq!(bucket_of(end), bucket);
            assert_eq!(bucket_of(end + 1), bucket + 1, "after {end}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_and_sums_are_those_of_the_durations() {
        let histogram = LatencyHistogram::default();
        for us in 1..=1000 {
            histogram.record(Duration::from_micros(us));
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count(), 1000);
        assert_eq!(snapshot.sum(), Duration::from_micros(500_500));
        for (quantile, exact) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = snapshot.quantile(quantile).as_micros() as f64;
            assert!((1.0..1.0 + 1.0 / 16.0).contains(&(found / exact)), "{quantile}: {found}");
        }
        assert_eq!(LatencySnapshot::default().quantile(0.99), Duration::ZERO);
    }

    #[test]
    fn only_filled_buckets_are_told() {
        let histogram = LatencyHistogram::default();
        for us in [3, 3, 100] {
            histogram.record(Duration::from_micros(us));
        }
        assert_eq!(histogram.snapshot().filled().collect::<Vec<_>>(), [(3, 2), (103, 1)]);
    }

    #[test]
    fn the_powers_of_two_hold_every_count() {
        let histogram = LatencyHistogram::default();
        for us in [0, 5, 15, 16, 31, 32, 1000, u64::MAX / 2] {
            histogram.record(Duration::from_micros(us));
        }
        let powers = histogram.snapshot().by_powers_of_two();
        assert_eq!(powers.iter().map(|(_, count)| count).sum::<u64>(), 8);
        assert_eq!(powers[0], (16e-6, 3));
        assert_eq!(powers[1], (32e-6, 2));
        assert_eq!(powers.last().unwrap(), &(f64::INFINITY, 1));
    }
}
