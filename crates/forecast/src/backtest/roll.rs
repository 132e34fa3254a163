//! Rolling origins: what was known when, beside what then came.

use super::BacktestSettings;
use crate::seasons::Seasons;
use crate::{ForecastError, ForecastSettings, Network, Series, SeriesForecaster};
use std::sync::Arc;
use std::time::Instant;

/// One moment of a backtest.
#[derive(Debug)]
pub struct Origin<'a> {
    /// When the first bin that is not known yet starts.
    pub start_ms: i64,
    /// The forecaster, which has seen everything before.
    pub forecaster: &'a SeriesForecaster,
    /// What it has seen, the days before the test included.
    pub known: &'a [f64],
    /// What came in the bins of the horizon, first the one that starts at `start_ms`.
    pub actual: &'a [f64],
}

/// What rolling over a series took.
#[derive(Clone, Debug)]
pub struct Rolled {
    /// The days before the test.
    pub train: Series,
    /// How many origins were visited.
    pub origins: u64,
    /// How long starting from `train` took, in milliseconds.
    pub start_ms: f64,
    /// How long all pushes took together, in microseconds.
    pub push_us: f64,
}

/// Visits every origin in the test days whose whole horizon lies in the series.
pub fn roll(
    series: &Series,
    settings: &ForecastSettings,
    backtest: &BacktestSettings,
    network: Option<&Arc<Network>>,
    mut visit: impl FnMut(&Origin<'_>),
) -> Result<Rolled, ForecastError> {
    settings.validate()?;
    let (train, tested) = cut(series, settings, backtest)?;
    let started = Instant::now();
    let mut forecaster = match network {
        Some(network) => SeriesForecaster::from_history_with(&train, settings, network)?,
        None => SeriesForecaster::from_history(&train, settings)?,
    };
    let start_ms = started.elapsed().as_secs_f64() * 1e3;
    let (mut origins, mut push_us) = (0, 0.0);
    for (seen, actual) in tested.windows(settings.horizon_steps).enumerate() {
        let start_ms = forecaster.next_start_ms();
        let known = &series.values[..train.len() + seen];
        visit(&Origin { start_ms, forecaster: &forecaster, known, actual });
        origins += 1;
        let started = Instant::now();
        forecaster.push(actual[0]);
        push_us += started.elapsed().as_secs_f64() * 1e6;
    }
    Ok(Rolled { train, origins, start_ms, push_us })
}

/// The days before the test: what a network may be trained on.
pub fn training_part(
    series: &Series,
    settings: &ForecastSettings,
    backtest: &BacktestSettings,
) -> Result<Series, ForecastError> {
    cut(series, settings, backtest).map(|(train, _)| train)
}

/// The days before the test, and the values of the test.
fn cut<'a>(
    series: &'a Series,
    settings: &ForecastSettings,
    backtest: &BacktestSettings,
) -> Result<(Series, &'a [f64]), ForecastError> {
    let day = Seasons::new(settings.bin_ms)?.day_bins();
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
    let before = Series::new(series.start_ms, series.bin_ms, series.values[..train].to_vec());
    Ok((before, &series.values[train..]))
}
