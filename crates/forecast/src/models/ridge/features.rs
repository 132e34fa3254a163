//! What the ridge regression looks at, in the logarithm of the load.
//!
//! One row per origin. The *shared* part is the same for every step of the horizon: recent lags,
//! short and long means, the spread of the last hour, the week's mean and slope, and waves of day
//! and week. The *own* part differs by step: the load at the step's time of day on the last three
//! days (the median), and a week ago. All loads are relative to the mean of the last day (the row's
//! `level`), so that growth does not date the coefficients.

use super::logs::Logs;
use crate::seasons::Seasons;
use std::f64::consts::TAU;

const LAGS: usize = 12;
const DAY_WAVES: usize = 4;
const WEEK_WAVES: usize = 2;
const CONSTANT: usize = 0;
const FIRST_LAG: usize = CONSTANT + 1;
const SHORT_MEAN: usize = FIRST_LAG + LAGS;
const LONG_MEAN: usize = SHORT_MEAN + 1;
const HOUR_SPREAD: usize = LONG_MEAN + 1;
const WEEK_MEAN: usize = HOUR_SPREAD + 1;
const WEEK_SLOPE: usize = WEEK_MEAN + 1;
const FIRST_WAVE: usize = WEEK_SLOPE + 1;
/// How many features all steps share.
pub(super) const SHARED: usize = FIRST_WAVE + 2 * (DAY_WAVES + WEEK_WAVES);

/// How many days ago the other own feature looks.
const WEEK_DAYS: usize = 7;
/// How many features each step has for itself.
pub(super) const OWN: usize = 2;

/// The features of one origin.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) shared: [f64; SHARED],
    /// One set per step.
    pub(super) own: Vec<[f64; OWN]>,
    /// The last day's mean, which the features and the target are relative to.
    pub(super) level: f64,
}

impl Row {
    pub(super) fn new(steps: usize) -> Self {
        Self { shared: [0.0; SHARED], own: vec![[0.0; OWN]; steps], level: 0.0 }
    }
}

/// A row until its targets are known, at half the memory.
#[derive(Clone, Debug)]
pub(super) struct KeptRow {
    shared: [f32; SHARED],
    own: Vec<[f32; OWN]>,
    level: f32,
}

impl KeptRow {
    pub(super) fn new(steps: usize) -> Self {
        Self { shared: [0.0; SHARED], own: vec![[0.0; OWN]; steps], level: 0.0 }
    }

    pub(super) fn keep(&mut self, row: &Row) {
        self.shared = row.shared.map(|feature| feature as f32);
        for (kept, own) in self.own.iter_mut().zip(&row.own) {
            *kept = own.map(|feature| feature as f32);
        }
        self.level = row.level as f32;
    }

    pub(super) fn row(&self) -> Row {
        Row {
            shared: self.shared.map(f64::from),
            own: self.own.iter().map(|own| own.map(f64::from)).collect(),
            level: f64::from(self.level),
        }
    }
}

/// Computes rows from the logarithms of the last week.
#[derive(Clone, Debug)]
pub(super) struct Features {
    seasons: Seasons,
    short_bins: usize,
    long_bins: usize,
    hour_bins: usize,
    logs: Logs,
}

impl Features {
    pub(super) fn new(seasons: Seasons) -> Self {
        let margin = LAGS + 4;
        Self {
            seasons,
            short_bins: seasons.minutes(15, 2),
            long_bins: seasons.minutes(180, 3),
            hour_bins: seasons.minutes(60, 3),
            logs: Logs::new(seasons.week_bins() + margin),
        }
    }

    /// Takes the next bin's logarithm.
    pub(super) fn push(&mut self, log: f64) {
        self.logs.push(log);
    }

    /// The logarithm `bins_ago` bins before the last one.
    pub(super) fn log(&self, bins_ago: usize) -> f64 {
        self.logs.ago(bins_ago)
    }

    /// Whether a whole day has been seen, which a row needs.
    pub(super) fn ready(&self) -> bool {
        self.bins() > self.seasons.day_bins() + 1
    }

    fn bins(&self) -> usize {
        self.logs.len()
    }

    /// Fills the row of the present origin; `end_ms` is where the last bin ends.
    pub(super) fn fill(&self, end_ms: i64, row: &mut Row) {
        let end = self.bins();
        let mean = |from: usize, to: usize| self.logs.sum(from, to) / (to - from) as f64;
        let mean_of_last = |bins: usize| mean(end.saturating_sub(bins), end);
        let level = mean_of_last(self.seasons.day_bins());
        row.level = level;

        row.shared[CONSTANT] = 1.0;
        for lag in 0..LAGS {
            row.shared[FIRST_LAG + lag] = self.log(lag) - level;
        }
        row.shared[SHORT_MEAN] = mean_of_last(self.short_bins) - level;
        row.shared[LONG_MEAN] = mean_of_last(self.long_bins) - level;
        row.shared[HOUR_SPREAD] = self.spread_of_last(self.hour_bins);
        let week = self.seasons.week_bins().min(end);
        row.shared[WEEK_MEAN] = mean_of_last(week) - level;
        row.shared[WEEK_SLOPE] = mean(end - week / 2, end) - mean(end - week, end - week / 2);
        self.fill_waves(end_ms, &mut row.shared[FIRST_WAVE..]);

        let recent = [1, 2, 3].map(|days| self.days_ago(days));
        let week = self.days_ago(WEEK_DAYS);
        for (step, own) in row.own.iter_mut().enumerate() {
            own[0] = median(recent.map(|day| around(day, step))) - level;
            own[1] = around(week, step) - level;
        }
    }

    /// The logarithms from which [`around`] reads the same time `days` ago; a day ago if that was
    /// before the beginning.
    fn days_ago(&self, days: usize) -> &[f32] {
        let day = self.seasons.day_bins();
        let back = if self.bins() > days * day { days * day } else { day };
        &self.logs.as_slice()[self.bins() - back - 1..]
    }

    fn spread_of_last(&self, bins: usize) -> f64 {
        let first = self.bins() - bins.min(self.bins());
        let window = &self.logs.as_slice()[first..];
        let mean = self.logs.sum(first, self.bins()) / window.len() as f64;
        let squares: f64 = window.iter().map(|&log| (f64::from(log) - mean).powi(2)).sum();
        (squares / window.len() as f64).sqrt()
    }

    /// Sines and cosines of the multiples of the day's and the week's phase. Steps need no waves
    /// of their own: the coefficients turn a wave to any phase.
    fn fill_waves(&self, end_ms: i64, out: &mut [f64]) {
        let (day, week) = self.seasons.phases(end_ms);
        let mut out = out.chunks_exact_mut(2);
        for (phase, waves) in [(day, DAY_WAVES), (week, WEEK_WAVES)] {
            let (sin_1, cos_1) = (TAU * phase).sin_cos();
            let (mut sin, mut cos) = (sin_1, cos_1);
            for pair in out.by_ref().take(waves) {
                pair.copy_from_slice(&[sin, cos]);
                (sin, cos) = (sin * cos_1 + cos * sin_1, cos * cos_1 - sin * sin_1);
            }
        }
    }

    pub(super) fn state_bytes(&self) -> usize {
        self.logs.state_bytes()
    }
}

/// The one in the middle: a day on which something was odd has no say.
fn median([a, b, c]: [f64; 3]) -> f64 {
    a.max(b).min(a.min(b).max(c))
}

/// The mean of the three bins around a step's time on an earlier day. The horizon is so much
/// shorter than a day that all three have been seen.
fn around(day: &[f32], step: usize) -> f64 {
    day[step..step + 3].iter().map(|&log| f64::from(log)).sum::<f64>() / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hourly(logs: impl Iterator<Item = f64>) -> Features {
        let mut features = Features::new(Seasons::new(3_600_000).expect("an hour"));
        logs.for_each(|log| features.push(log));
        features
    }

    #[test]
    fn own_features_look_at_the_steps_time_on_earlier_days() {
        // The logarithm is the bin's number, so a feature tells where it looked.
        let bins = 24 * 9;
        let features = hourly((0..bins).map(f64::from));
        let mut row = Row::new(3);
        features.fill(i64::from(bins) * 3_600_000, &mut row);
        for (step, own) in row.own.iter().enumerate() {
            let target = f64::from(bins) + step as f64;
            let expected = [2.0, 7.0].map(|days| target - 24.0 * days - row.level);
            assert_eq!(*own, expected, "step {step}");
        }
        assert_eq!(row.level, f64::from(bins) - 12.5);
        assert_eq!(row.shared[FIRST_LAG], f64::from(bins - 1) - row.level);
        assert_eq!(row.shared[FIRST_LAG + 11], f64::from(bins - 12) - row.level);
    }

    #[test]
    fn a_young_series_looks_at_yesterday_instead_of_before_the_beginning() {
        let features = hourly((0..30).map(f64::from));
        let mut row = Row::new(2);
        features.fill(30 * 3_600_000, &mut row);
        assert_eq!(row.own[1], [31.0 - 24.0 - row.level; OWN]);
    }

    #[test]
    fn waves_are_those_of_the_calendar() {
        let features = hourly((0..30).map(f64::from));
        let mut out = [0.0; 2 * (DAY_WAVES + WEEK_WAVES)];
        let at_ms = 7 * 86_400_000 + 5 * 3_600_000;
        features.fill_waves(at_ms, &mut out);
        for wave in 1..=DAY_WAVES {
            let (sin, cos) = (TAU * wave as f64 * 5.0 / 24.0).sin_cos();
            assert!((out[2 * wave - 2] - sin).abs() < 1e-12);
            assert!((out[2 * wave - 1] - cos).abs() < 1e-12);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut features = hourly((0..100).map(f64::from));
        let bound = (7 * 24 + 16 + 64) * 5;
        (0..10_000).for_each(|log| features.push(f64::from(log)));
        assert!(features.state_bytes() <= bound, "{}", features.state_bytes());
    }
}
