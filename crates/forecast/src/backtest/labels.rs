//! How well anomalies that people have labelled are found, beside a plain z-score.
//!
//! A label is a stretch of time. It counts as found if an alarm is raised within it; an alarm outside all
//! of them is false, as far as the labels are complete, which nobody promises. Three watchers see the
//! same bins: the detector alone, the detector that leaves out what the forecasts had announced (as the
//! service does), and the z-score that is drawn in every dashboard: the value less the last day's mean
//! over the last day's deviation, beyond three. That one is right about every long label by raising its
//! hand all the time, so there is a fourth row: the lowest threshold, known in hindsight, at which it
//! raises no more false alarms than the detector.

use crate::anomaly::{AnomalySettings, Change, Detector};
use crate::{ForecastError, ForecastSettings, Observation, Outlook, Series, SeriesForecaster};
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
/// The z-score's threshold, by how much it is raised in hindsight and how far, and how long it is quiet after an alarm.
const Z_MIN: f64 = 3.0;
const Z_STEP: f64 = 0.25;
const Z_MAX: f64 = 100.0;
const QUIET_MS: i64 = 3_600_000;
/// A load below this part of the forecast's median was not announced, as in the service.
const EXPECTED_LOW: f64 = 1.0 / 3.0;

/// A labelled stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// When it begins.
    pub start_ms: i64,
    /// When it ends.
    pub end_ms: i64,
}

/// What one watcher made of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelsFound {
    /// `detector`, `detector_with_forecast`, `z_score` or `z_score_in_hindsight`.
    pub watcher: String,
    /// Labels in which an alarm was raised, ...
    pub found: usize,
    /// ... of so many.
    pub labels: usize,
    /// Alarms outside all labels.
    pub false_alarms: usize,
    /// How long the series is, in days.
    pub days: f64,
}

/// Lets all watchers look at `series`.
pub fn labelled(
    series: &Series,
    labels: &[Label],
    settings: &AnomalySettings,
    forecast: &ForecastSettings,
) -> Result<Vec<LabelsFound>, ForecastError> {
    let days = (series.end_ms() - series.start_ms) as f64 / DAY_MS as f64;
    let score = |watcher: &str, alarms: Vec<i64>| {
        let inside = |label: &Label, at: i64| (label.start_ms..=label.end_ms).contains(&at);
        let hit = |label: &&Label| alarms.iter().any(|&at| inside(label, at));
        let is_false = |at: &&i64| !labels.iter().any(|label| inside(label, **at));
        LabelsFound {
            watcher: watcher.into(),
            found: labels.iter().filter(hit).count(),
            labels: labels.len(),
            false_alarms: alarms.iter().filter(is_false).count(),
            days,
        }
    };
    let detector = score("detector", detected(series, settings, |_, _| None));
    let mut z_min = Z_MIN;
    let hindsight = loop {
        let tried = score("z_score_in_hindsight", beyond(series, z_min));
        if tried.false_alarms <= detector.false_alarms || z_min >= Z_MAX {
            break tried;
        }
        z_min += Z_STEP;
    };
    Ok(vec![
        detector,
        score("detector_with_forecast", detected_with_forecast(series, settings, forecast)?),
        score("z_score", beyond(series, Z_MIN)),
        hindsight,
    ])
}

/// When the detector began to report something; `expected` may say what was announced for a bin.
fn detected(
    series: &Series,
    settings: &AnomalySettings,
    mut expected: impl FnMut(i64, f64) -> Option<(f64, f64)>,
) -> Vec<i64> {
    let mut detector = Detector::new(settings);
    let mut alarms = Vec::new();
    for (bin, &load) in (0..).zip(&series.values) {
        let at_ms = series.start_ms + bin * series.bin_ms;
        let announced = expected(at_ms, load);
        if let Some(Change::Began(_)) = detector.push(at_ms, load, announced) {
            alarms.push(at_ms);
        }
    }
    alarms
}

fn detected_with_forecast(
    series: &Series,
    settings: &AnomalySettings,
    forecast: &ForecastSettings,
) -> Result<Vec<i64>, ForecastError> {
    let forecast = ForecastSettings { bin_ms: series.bin_ms, ..forecast.clone() };
    let mut forecaster = SeriesForecaster::new(series.start_ms, &forecast)?;
    let expected = |_, load| {
        let announced = match forecaster.forecast(1) {
            Outlook::Forecast(it) => it.steps.first().map(|s| (EXPECTED_LOW * s.q50, s.q99)),
            Outlook::Abstain(_) => None,
        };
        forecaster.push(Observation::from(load));
        announced
    };
    Ok(detected(series, settings, expected))
}

/// When the z-score was beyond `z_min`.
fn beyond(series: &Series, z_min: f64) -> Vec<i64> {
    let day = (DAY_MS / series.bin_ms) as usize;
    let mut alarms: Vec<i64> = Vec::new();
    for bin in day..series.len() {
        let last = series.values[bin - day..bin].iter().filter(|value| value.is_finite());
        let (count, sum, squares) = last.fold((0.0, 0.0, 0.0), |(count, sum, squares), value| {
            (count + 1.0, sum + value, squares + value * value)
        });
        let mean = sum / count;
        let deviation = (squares / count - mean * mean).max(0.0).sqrt();
        let at_ms = series.start_ms + bin as i64 * series.bin_ms;
        let quiet = alarms.last().is_some_and(|last| at_ms < last + QUIET_MS);
        if (series.values[bin] - mean).abs() > z_min * deviation && !quiet {
            alarms.push(at_ms);
        }
    }
    alarms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_crowd_in_a_label_is_found_and_one_outside_is_false() {
        let mut random = Random::new(1);
        let mut values: Vec<f64> =
            (0..4 * 288).map(|_| 100.0 + 5.0 * f64::from(random.uniform())).collect();
        values[600..612].fill(500.0);
        values[900..912].fill(500.0);
        let series = Series::new(0, 300_000, values);
        let label = Label { start_ms: 590 * 300_000, end_ms: 620 * 300_000 };
        let quiet = Label { start_ms: 700 * 300_000, end_ms: 720 * 300_000 };
        let settings = (AnomalySettings::default(), ForecastSettings::default());
        let found = labelled(&series, &[label, quiet], &settings.0, &settings.1).expect("settings");
        for each in &found {
            assert_eq!((each.found, each.labels, each.days), (1, 2, 4.0), "{each:?}");
        }
        assert!(found[..2].iter().all(|each| each.false_alarms == 1), "{found:?}");
    }
}
