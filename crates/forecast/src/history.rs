//! What was observed, kept once for all models of a series: eight days of values without holes.
//!
//! A gap is filled with the value of a day before (else with the last value), so that models can
//! read any bin; it is marked, so that nobody learns from it or is judged by it.

use crate::buffer::{Marks, Recent};
use crate::seasons::Seasons;
use crate::{ForecastError, ForecastSettings, Observation};

/// How many days of values stay readable: a week to look back to from every bin of a day. Methods
/// learn from each bin as it comes, so that more has no use but memory.
pub(crate) const RETAINED_DAYS: usize = 8;

/// The observed past of one series.
#[derive(Clone, Debug)]
pub(crate) struct History {
    seasons: Seasons,
    bin_ms: i64,
    next_start_ms: i64,
    values: Recent<f32>,
    /// By bin: whether the value was seen, not filled in.
    seen: Marks,
    bins_total: u64,
}

impl History {
    pub(crate) fn new(start_ms: i64, settings: &ForecastSettings) -> Result<Self, ForecastError> {
        let seasons = Seasons::new(settings.bin_ms)?;
        let keep = seasons.day_bins() * RETAINED_DAYS;
        let slack = seasons.day_bins() / 4;
        Ok(Self {
            seasons,
            bin_ms: settings.bin_ms,
            next_start_ms: start_ms,
            values: Recent::new(keep, slack),
            seen: Marks::new(keep + slack),
            bins_total: 0,
        })
    }

    /// Takes the next bin. Returns whether it counted: gaps before the first value do not, they
    /// only move the start.
    pub(crate) fn push(&mut self, observation: Observation) -> bool {
        self.next_start_ms += self.bin_ms;
        let (value, seen) = match observation {
            Observation::Value(value) => (value as f32, true),
            Observation::Gap => match self.filler() {
                Some(value) => (value, false),
                None => return false,
            },
        };
        self.values.push(value);
        self.seen.set(self.bins_total, seen);
        self.bins_total += 1;
        true
    }

    fn filler(&self) -> Option<f32> {
        let values = self.values.as_slice();
        let yesterday = values.len().checked_sub(self.seasons.day_bins());
        yesterday.map(|at| values[at]).or(values.last().copied())
    }

    pub(crate) fn seasons(&self) -> Seasons {
        self.seasons
    }

    pub(crate) fn bin_ms(&self) -> i64 {
        self.bin_ms
    }

    /// When the bin that comes next starts.
    pub(crate) fn next_start_ms(&self) -> i64 {
        self.next_start_ms
    }

    /// The readable values, oldest first, holes filled.
    pub(crate) fn values(&self) -> &[f32] {
        self.values.as_slice()
    }

    /// For each of `values()`, whether it was seen.
    pub(crate) fn seen(&self) -> impl DoubleEndedIterator<Item = bool> + '_ {
        let first = self.bins_total - self.values.len() as u64;
        (first..self.bins_total).map(|bin| self.seen.get(bin))
    }

    /// The last value and whether it was seen.
    pub(crate) fn last(&self) -> Option<(f64, bool)> {
        Some((f64::from(*self.values().last()?), self.seen().next_back()?))
    }

    /// How many bins there have been since the first value, also those no longer readable.
    pub(crate) fn bins_total(&self) -> u64 {
        self.bins_total
    }

    /// How many of the last `bins` were seen.
    pub(crate) fn seen_of_last(&self, bins: usize) -> usize {
        self.seen().rev().take(bins).filter(|&seen| seen).count()
    }

    /// The mean of the last `bins` values, holes filled; `None` without values.
    pub(crate) fn mean_of_last(&self, bins: usize) -> Option<f64> {
        let values = self.values();
        let last = &values[values.len().saturating_sub(bins)..];
        let sum: f64 = last.iter().map(|&value| f64::from(value)).sum();
        (!last.is_empty()).then(|| sum / last.len() as f64)
    }

    pub(crate) fn state_bytes(&self) -> usize {
        self.values.state_bytes() + self.seen.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_takes_yesterdays_value_and_is_marked() {
        let settings = ForecastSettings { bin_ms: 3_600_000, ..Default::default() };
        let mut history = History::new(0, &settings).expect("an hour");
        assert!(!history.push(Observation::Gap), "nothing to fill the first gap with");
        for hour in 0..24 {
            history.push(Observation::Value(f64::from(hour)));
            assert_eq!(history.last(), Some((f64::from(hour), true)));
        }
        history.push(Observation::Gap);
        assert_eq!(history.last(), Some((0.0, false)));
        assert_eq!(history.seen_of_last(2), 1);
        assert_eq!(history.bins_total(), 25);
        assert_eq!(history.next_start_ms(), 26 * 3_600_000);
    }
}
