//! A regular series of rates, and one observation of it.
//!
//! Rates come from counters that can be missing, reset or wrong. None of that is an error here:
//! what cannot be a rate is a gap, and every model knows what to do with gaps.

use serde::{Deserialize, Serialize};

/// Rates above this are cut to it, so that squares and sums stay finite. In units per second.
pub const VALUE_MAX: f64 = 1e15;

/// Rates in equal bins. A value that is not finite, or negative, is a gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// When the first bin starts, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// The length of a bin.
    pub bin_ms: i64,
    /// One rate per bin, oldest first.
    pub values: Vec<f64>,
}

impl Series {
    /// A series of `values` from `start_ms` on.
    pub fn new(start_ms: i64, bin_ms: i64, values: Vec<f64>) -> Self {
        Self { start_ms, bin_ms, values }
    }

    /// Sorts points `(timestamp_ms, value)` into bins and averages within each; bins without a
    /// point are gaps. The points' order does not matter. Returns `None` without points, with a
    /// bin that is not positive, or if the bins would outnumber `bins_max`.
    pub fn from_points(points: &[(i64, f64)], bin_ms: i64, bins_max: usize) -> Option<Self> {
        let start_ms = points.iter().map(|point| point.0).min()?;
        let last_ms = points.iter().map(|point| point.0).max()?;
        if bin_ms <= 0 {
            return None;
        }
        let bins = usize::try_from((last_ms - start_ms) / bin_ms + 1).ok()?;
        if bins > bins_max {
            return None;
        }
        let mut sums = vec![(0.0, 0_u32); bins];
        for &(at_ms, value) in points {
            // Fits: no point lies before the first or after the last.
            let (sum, count) = &mut sums[((at_ms - start_ms) / bin_ms) as usize];
            if let Observation::Value(value) = Observation::from(value) {
                *sum += value;
                *count += 1;
            }
        }
        let mean = |(sum, count): (f64, u32)| {
            if count == 0 { f64::NAN } else { sum / f64::from(count) }
        };
        Some(Self::new(start_ms, bin_ms, sums.into_iter().map(mean).collect()))
    }

    /// When the bin after the last one starts.
    pub fn end_ms(&self) -> i64 {
        self.start_ms + self.bin_ms * self.values.len() as i64
    }

    /// How many bins there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no bins.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The observations, oldest first.
    pub fn observations(&self) -> impl Iterator<Item = Observation> + '_ {
        self.values.iter().map(|&value| Observation::from(value))
    }
}

/// What was seen in one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Observation {
    /// A rate in units per second, finite and not negative.
    Value(f64),
    /// Nothing is known of this bin: no model learns from it and none is judged by it.
    Gap,
}

impl From<f64> for Observation {
    /// A negative or non-finite rate is a gap: a counter that was reset says nothing about the
    /// rate, and calling it zero would teach an idle hour that never was.
    fn from(value: f64) -> Self {
        if value.is_finite() && value >= 0.0 {
            Observation::Value(value.min(VALUE_MAX))
        } else {
            Observation::Gap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_rate_is_a_gap() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-9] {
            assert_eq!(Observation::from(bad), Observation::Gap);
        }
        assert_eq!(Observation::from(0.0), Observation::Value(0.0));
        assert_eq!(Observation::from(1e300), Observation::Value(VALUE_MAX));
    }

    #[test]
    fn points_are_averaged_into_bins_and_holes_are_gaps() {
        let points = [(1_000, 2.0), (1_500, 4.0), (3_000, 5.0), (3_100, -1.0)];
        let series = Series::from_points(&points, 1_000, 10).expect("three bins");
        assert_eq!((series.start_ms, series.end_ms(), series.len()), (1_000, 4_000, 3));
        assert_eq!((series.values[0], series.values[2]), (3.0, 5.0));
        assert!(series.values[1].is_nan());
        assert_eq!(Series::from_points(&points, 1_000, 2), None);
        assert_eq!(Series::from_points(&points, 0, 10), None);
        assert_eq!(Series::from_points(&[], 1_000, 10), None);
    }
}
