//! How good the forecasts would have been: rolling origins over the end of a recorded series.
//!
//! The forecaster is started from the days before the test and then fed bin by bin, exactly as in
//! service; before each bin every model is asked for its whole horizon. Only the scoring looks
//! ahead. The row `ensemble` is what the service would have said: the gated choice or, where it
//! abstained, constant quantiles.

mod report;
mod roll;
mod score;

pub use report::{Coverage, ModelReport, Pinball, Report};
pub use roll::{Origin, Rolled, roll, training_part};

use crate::outlook::{ModelKind, Outlook};
use crate::{Fit, ForecastError, ForecastSettings, Network, Observation, Predict, Series};
use score::Score;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// The name of the service's own choice among the models' names.
pub const SERVICE_CHOICE: &str = "ensemble";

/// The models that are reported beside the service's choice.
const REPORTED: [ModelKind; 10] = [
    ModelKind::LastValue,
    ModelKind::SeasonalNaiveDay,
    ModelKind::SeasonalNaiveWeek,
    ModelKind::Ewma,
    ModelKind::ProfileLevel,
    ModelKind::Spar,
    ModelKind::Ridge,
    ModelKind::Gru,
    ModelKind::Combination,
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
        Self { test_days: 7, first_step: 2 }
    }
}

/// Rolls origins over the end of `series` and scores every model; the recurrent network only if
/// there is one, which must not have been trained on the test days ([`training_part`]).
pub fn run(
    name: &str,
    series: &Series,
    settings: &ForecastSettings,
    backtest: &BacktestSettings,
    network: Option<&Arc<Network>>,
) -> Result<Report, ForecastError> {
    let steps = settings.horizon_steps;
    let unscored = backtest.first_step.clamp(1, steps.max(1)) - 1;
    let mut scores = vec![Score::new(unscored); REPORTED.len()];
    let mut choice = Score::new(unscored);
    let mut choice_us = 0.0;
    let mut abstained = 0_u64;
    let rolled = roll(series, settings, backtest, network, |origin| {
        for (score, model) in scores.iter_mut().zip(REPORTED) {
            if let Some(forecast) = origin.forecaster.model_forecast(model, steps) {
                score.add(&forecast, origin.actual);
            }
        }
        let started = Instant::now();
        let outlook = origin.forecaster.forecast(steps);
        choice_us += started.elapsed().as_secs_f64() * 1e6;
        let forecast = match outlook {
            Outlook::Forecast(forecast) => Some(forecast.steps),
            Outlook::Abstain(abstention) => {
                abstained += 1;
                abstention.level.map(|level| vec![level; steps])
            }
        };
        if let Some(forecast) = forecast {
            choice.add(&forecast, origin.actual);
        }
    })?;

    let scale = naive_error(&rolled.train);
    let mut models = Vec::new();
    for (score, model) in scores.iter().zip(REPORTED) {
        let (fit_cpu_ms, predict_cpu_us) = cost(model, &rolled.train, settings);
        models.push(score.report(model.name(), scale, fit_cpu_ms, predict_cpu_us));
    }
    let origins = rolled.origins as f64;
    models.push(choice.report(SERVICE_CHOICE, scale, rolled.start_ms, choice_us / origins));
    Ok(Report {
        series: name.into(),
        bin_seconds: settings.bin_ms as f64 / 1e3,
        horizon_seconds: settings.bin_ms as f64 * steps as f64 / 1e3,
        origins: rolled.origins,
        abstained: abstained as f64 / origins,
        push_cpu_us: rolled.push_us / origins,
        models,
    })
}

/// The mean absolute error of the day-seasonal naive within `train`; NaN if it never errs.
fn naive_error(train: &Series) -> f64 {
    let day = (86_400_000 / train.bin_ms) as usize;
    let errors = train.observations().zip(train.observations().skip(day));
    let errors = errors.filter_map(|pair| match pair {
        (Observation::Value(a), Observation::Value(b)) => Some((a - b).abs()),
        _ => None,
    });
    let (sum, count) = errors.fold((0.0, 0_u32), |(sum, count), error| (sum + error, count + 1));
    if sum > 0.0 { sum / f64::from(count) } else { f64::NAN }
}

/// What fitting one method alone takes in milliseconds, and one forecast of it in microseconds;
/// 0 for a method that cannot be fitted to these days.
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
