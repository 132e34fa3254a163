//! How good the forecasts would have been: rolling origins over the end of a recorded series.
//!
//! The forecaster is started from the days before the test and then fed bin by bin, exactly as in
//! service; before each bin every model is asked for its whole horizon. Only the scoring looks
//! ahead. The row `ensemble` is what the service would have said: the gated choice or, where it
//! abstained, constant quantiles.

mod score;

use crate::outlook::{ModelKind, Outlook};
use crate::{Fit, ForecastError, ForecastSettings, Observation, Predict, Series, SeriesForecaster};
use score::Score;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The name of the service's own choice among the models' names.
pub const SERVICE_CHOICE: &str = "ensemble";

/// The models that are reported beside the service's choice.
const REPORTED: [ModelKind; 6] = [
    ModelKind::LastValue,
    ModelKind::SeasonalNaiveDay,
    ModelKind::SeasonalNaiveWeek,
    ModelKind::ProfileLevel,
    ModelKind::Ridge,
    ModelKind::Climatology,
];

/// What to test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BacktestSettings {
    /// Origins are rolled over this many days at the end, at most half of the series.
    pub test_days: u32,
    /// The first step that is scored, from 1: nothing can be done about the very next bin. A
    /// shorter horizon is scored at its last step.
    pub first_step: usize,
}

impl Default for BacktestSettings {
    fn default() -> Self {
        Self {
            test_days: 7,
            first_step: 2,
        }
    }
}

/// The result for one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The series' name.
    pub series: String,
    /// The length of a bin.
    pub bin_seconds: f64,
    /// How far ahead was forecast.
    pub horizon_seconds: f64,
    /// How many origins were rolled over.
    pub origins: u64,
    /// At which share of the origins the service would have abstained.
    pub abstained: f64,
    /// What a push into the forecaster took on average, in microseconds.
    pub push_cpu_us: f64,
    /// One row per model, and one for the service's choice.
    pub models: Vec<ModelReport>,
}

/// One model's row. MASE and pinball losses are relative to the in-sample mean absolute error of
/// the day-seasonal naive; sMAPE is a share between 0 and 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// The model's name.
    pub name: String,
    /// At how many of the origins it had a forecast; it is scored over those.
    pub origins: u64,
    /// Mean absolute scaled error of the calibrated median (R. J. Hyndman and A. B. Koehler, 2006).
    pub mase: f64,
    /// Symmetric mean absolute percentage error of the calibrated median, as a share.
    pub smape: f64,
    /// Scaled pinball losses.
    pub pinball: Pinball,
    /// The share of bins at or below the quantile.
    pub coverage: Coverage,
    /// What fitting the method alone to the days before the test took.
    pub fit_cpu_ms: f64,
    /// What one forecast of the whole horizon took.
    pub predict_cpu_us: f64,
}

/// Pinball losses by quantile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pinball {
    /// Of the median.
    #[serde(rename = "0.5")]
    pub q50: f64,
    /// Of the .9 quantile.
    #[serde(rename = "0.9")]
    pub q90: f64,
    /// Of the .99 quantile.
    #[serde(rename = "0.99")]
    pub q99: f64,
}

/// Coverages by quantile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Of the .9 quantile.
    #[serde(rename = "0.9")]
    pub q90: f64,
    /// Of the .99 quantile.
    #[serde(rename = "0.99")]
    pub q99: f64,
}

/// Rolls origins over the end of `series` and scores every model.
pub fn run(
    name: &str,
    series: &Series,
    settings: &ForecastSettings,
    backtest: &BacktestSettings,
) -> Result<Report, ForecastError> {
    settings.validate()?;
    let (train, tested) = cut(series, settings, backtest)?;
    let started = Instant::now();
    let mut forecaster = SeriesForecaster::from_history(&train, settings)?;
    let fit_ms = started.elapsed().as_secs_f64() * 1e3;

    let first_step = backtest.first_step.clamp(1, settings.horizon_steps);
    let mut scores = vec![Score::new(first_step - 1); REPORTED.len()];
    let mut choice = Score::new(first_step - 1);
    let (mut abstained, mut push_us) = (0, 0.0);
    let origins = tested.len() - settings.horizon_steps + 1;
    for (origin, &next) in tested.iter().enumerate().take(origins) {
        let actual = &tested[origin..][..settings.horizon_steps];
        for (score, model) in scores.iter_mut().zip(REPORTED) {
            if let Some(steps) = forecaster.model_forecast(model, settings.horizon_steps) {
                score.add(&steps, actual);
            }
        }
        let steps = match forecaster.forecast(settings.horizon_steps) {
            Outlook::Forecast(forecast) => Some(forecast.steps),
            Outlook::Abstain(abstention) => {
                abstained += 1;
                abstention
                    .level
                    .map(|level| vec![level; settings.horizon_steps])
            }
        };
        if let Some(steps) = steps {
            choice.add(&steps, actual);
        }
        let started = Instant::now();
        forecaster.push(next);
        push_us += started.elapsed().as_secs_f64() * 1e6;
    }

    let scale = naive_error(&train, settings.bin_ms);
    let mut models = Vec::new();
    for (score, model) in scores.iter().zip(REPORTED) {
        let (fit_cpu_ms, predict_cpu_us) = cost(model, &train, settings);
        models.push(score.report(model.name(), scale, fit_cpu_ms, predict_cpu_us));
    }
    let started = Instant::now();
    let outlook = forecaster.forecast(settings.horizon_steps);
    let predict_us = started.elapsed().as_secs_f64() * 1e6;
    drop(outlook);
    models.push(choice.report(SERVICE_CHOICE, scale, fit_ms, predict_us));
    Ok(Report {
        series: name.into(),
        bin_seconds: settings.bin_ms as f64 / 1e3,
        horizon_seconds: settings.bin_ms as f64 * settings.horizon_steps as f64 / 1e3,
        origins: origins as u64,
        abstained: abstained as f64 / origins as f64,
        push_cpu_us: push_us / origins as f64,
        models,
    })
}

/// The days before the test, and the values of the test.
fn cut<'a>(
    series: &'a Series,
    settings: &ForecastSettings,
    backtest: &BacktestSettings,
) -> Result<(Series, &'a [f64]), ForecastError> {
    let day = crate::seasons::Seasons::new(settings.bin_ms)?.day_bins();
    let tested = (backtest.test_days as usize * day).min(series.len() / 2);
    let train = series.len() - tested;
    if train < settings.history_days_min as usize * day || tested < settings.horizon_steps {
        return Err(ForecastError::TooShort {
            method: "a backtest",
            needed: format!(
                "{} days to learn from and as many to test on; there are {:.1} days in all",
                settings.history_days_min,
                series.len() as f64 / day as f64
            ),
        });
    }
    let before = Series::new(
        series.start_ms,
        series.bin_ms,
        series.values[..train].to_vec(),
    );
    Ok((before, &series.values[train..]))
}

/// The mean absolute error of the day-seasonal naive within `train`; NaN if it never errs.
fn naive_error(train: &Series, bin_ms: i64) -> f64 {
    let day = (86_400_000 / bin_ms) as usize;
    let seen = |value: f64| matches!(Observation::from(value), Observation::Value(_));
    let pairs = train.values.iter().zip(train.values.iter().skip(day));
    let errors = pairs
        .filter(|(a, b)| seen(**a) && seen(**b))
        .map(|(a, b)| (a - b).abs());
    let (sum, count) = errors.fold((0.0, 0_u32), |(sum, count), error| (sum + error, count + 1));
    if sum > 0.0 {
        sum / f64::from(count)
    } else {
        f64::NAN
    }
}

/// What fitting one method alone takes, and one forecast of it; a method that cannot be fitted to
/// these days costs nothing.
fn cost(model: ModelKind, train: &Series, settings: &ForecastSettings) -> (f64, f64) {
    let started = Instant::now();
    let Ok(fitted) = model.fit(train, settings) else {
        return (0.0, 0.0);
    };
    let fit_ms = started.elapsed().as_secs_f64() * 1e3;
    let started = Instant::now();
    let forecast = fitted.predict(settings.horizon_steps);
    let predict_us = started.elapsed().as_secs_f64() * 1e6;
    drop(forecast);
    (fit_ms, predict_us)
}

#[cfg(test)]
mod tests;
