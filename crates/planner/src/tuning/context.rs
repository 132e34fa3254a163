//! What is known of a table when a day begins: what thresholds may depend on.

use forecast::Outlook;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

const WEEK_MS: i64 = 7 * 24 * 3_600_000;
/// How many numbers a context is to the learner.
pub const FEATURES: usize = 6;

/// A table at the beginning of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// How much less the forecast lost lately than the best of seasonal naive and constant quantiles, as
    /// a share: 1 is perfect, 0 is of no use, also where there is no forecast.
    pub accuracy: f64,
    /// The autocorrelation of the load at a distance of one day, 0 to 1.
    pub seasonality: f64,
    /// The share of the last day's load on the busiest sixteenth of the key axis, above what even load
    /// would give, as a share of what there is above: 0 is even, 1 is one spot.
    pub skew: f64,
    /// The last day's mean load over the last week's, in doublings, −1 to 1.
    pub trend: f64,
    /// The hour of the week in which the day begins, 0 to 168, from a Monday's midnight in UTC.
    pub hour: f64,
}

impl Context {
    /// A context of load by bin (oldest first, up to a week, `day_bins` a day), the last day's load by
    /// cell, and what is forecast.
    pub fn new(
        now_ms: i64,
        totals: &[f64],
        day_bins: usize,
        cells: &[f64],
        outlooks: &[&Outlook],
    ) -> Self {
        Self {
            accuracy: accuracy(outlooks),
            seasonality: autocorrelation(totals, day_bins).clamp(0.0, 1.0),
            skew: skew(cells),
            trend: trend(totals, day_bins),
            // The first of January 1970 was a Thursday.
            hour: (now_ms + 3 * WEEK_MS / 7).rem_euclid(WEEK_MS) as f64 / 3_600_000.0,
        }
    }

    /// As the learner has it: each about −1 to 1.
    pub fn features(&self) -> [f64; FEATURES] {
        let (sin, cos) = (TAU * self.hour / 168.0).sin_cos();
        let Self { accuracy, seasonality, skew, trend, .. } = *self;
        [accuracy, seasonality, skew, trend, sin, cos]
            .map(|feature| if feature.is_finite() { feature.clamp(-1.0, 1.0) } else { 0.0 })
    }
}

/// Of the kinds of load that are forecast, the worst.
fn accuracy(outlooks: &[&Outlook]) -> f64 {
    let of = |outlook: &&Outlook| {
        let Outlook::Forecast(forecast) = outlook else { return None };
        let error = &forecast.recent_error;
        let rival = error.seasonal_naive.map_or(error.climatology, |n| n.min(error.climatology));
        (rival > 0.0).then(|| (1.0 - error.pinball / rival).clamp(0.0, 1.0))
    };
    outlooks.iter().filter_map(of).reduce(f64::min).unwrap_or(0.0)
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    if lag == 0 || values.len() <= lag {
        return 0.0;
    }
    let mean = mean(values);
    let variance: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let pairs = values.iter().zip(&values[lag..]);
    let together: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum();
    let all = values.len() as f64 / (values.len() - lag) as f64;
    if variance > 0.0 { together * all / variance } else { 0.0 }
}

fn skew(cells: &[f64]) -> f64 {
    let all: f64 = cells.iter().sum();
    let most = cells.len() / 16;
    if all <= 0.0 || most == 0 {
        return 0.0;
    }
    let mut sorted = cells.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let even = most as f64 / cells.len() as f64;
    let share = sorted[..most].iter().sum::<f64>() / all;
    ((share - even) / (1.0 - even)).clamp(0.0, 1.0)
}

fn trend(totals: &[f64], day_bins: usize) -> f64 {
    let last = &totals[totals.len().saturating_sub(day_bins)..];
    let (day, week) = (mean(last), mean(totals));
    if day > 0.0 && week > 0.0 { (day / week).log2().clamp(-1.0, 1.0) } else { 0.0 }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecast::Abstention;

    const DAY_MS: i64 = 24 * 3_600_000;

    #[test]
    fn a_daily_wave_is_seasonal_and_noise_is_not() {
        let wave: Vec<f64> = (0..70).map(|i| 2.0 + (TAU * f64::from(i) / 10.0).sin()).collect();
        let even = [1.0; 32];
        let context = Context::new(4 * DAY_MS, &wave, 10, &even, &[]);
        assert!(context.seasonality > 0.95, "{context:?}");
        assert_eq!((context.skew, context.hour, context.accuracy), (0.0, 0.0, 0.0));
        assert!(context.trend.abs() < 1e-9);
        let alternating: Vec<f64> = (0..70).map(|i| f64::from(i * 7919 % 13)).collect();
        let context = Context::new(0, &alternating, 10, &even, &[]);
        assert!(context.seasonality < 0.5, "{context:?}");
        assert_eq!(context.hour, 72.0, "a Thursday");
    }

    #[test]
    fn one_spot_is_skew_and_growth_is_trend() {
        let mut cells = [0.0; 32];
        cells[3] = 5.0;
        let totals: Vec<f64> = (0..70).map(|i| if i < 60 { 1.0 } else { 4.0 }).collect();
        let abstained =
            Outlook::Abstain(Abstention { start_ms: 0, reason: String::new(), level: None });
        let context = Context::new(0, &totals, 10, &cells, &[&abstained]);
        assert_eq!(context.skew, 1.0);
        assert!(context.trend > 0.9, "{context:?}");
        assert_eq!(context.accuracy, 0.0);
    }

    #[test]
    fn what_is_no_number_counts_as_nothing() {
        let context = Context { accuracy: f64::NAN, trend: f64::INFINITY, ..Context::default() };
        assert!(context.features().iter().all(|feature| feature.is_finite()));
        let empty = Context::new(0, &[], 288, &[], &[]);
        assert!(empty.features().iter().all(|feature| feature.is_finite()));
    }
}
