//! How good the forecasts would have been: rolling origins over the end of a recorded series.
//!
//! The forecaster is started from the days before the test and then fed bin by bin, exactly as in
//! service; before each bin every model is asked for its whole horizon. Only the scoring looks
//! ahead. The row `ensemble` is what the service would have said: the gated choice or, where it
//! abstained, constant quantiles.

mod crowds;
mod labels;
mod report;
mod roll;
mod score;

pub use crowds::{CrowdReport, CrowdsFound, crowds};
pub use labels::{Label, LabelsFound, labelled};
pub use report::{Backtested, Coverage, CurvePoint, ModelReport, Pinball, Report};
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
const REPORTED: [ModelKind; 11] = [
    ModelKind::LastValue,
    ModelKind::SeasonalNaiveDay,
    ModelKind::SeasonalNaiveWeek,
    ModelKind::Ewma,
    ModelKind::ProfileLevel,
    ModelKind::FoundSeason,
    ModelKind::Spar,
    ModelKind::Ridge,
    ModelKind::Gru,
    ModelKind::Combination,
    ModelKind::Climatology,
];
/// What a rival is fitted to at each origin, in days: more changes nothing and costs time.
const RIVAL_DAYS: usize = 28;

/// What to test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BacktestSettings {
    /// Origins are rolled over this many days at the end, at most half of the series.
    pub test_days: u32,
    /// The first step that is scored, from 1: nothing can be done about the very next bin. A
    /// shorter horizon is scored at its last step.
    pub first_step: usize,
    /// Every so many origins are scored; all are rolled over.
    pub score_every: usize,
    /// Also score `auto_ets` and `mstl_ets`, which are fitted anew at each scored origin: a tenth of
    /// a second each.
    pub rivals: bool,
}

impl Default for BacktestSettings {
    fn default() -> Self {
        Self { test_days: 7, first_step: 2, score_every: 1, rivals: false }
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
) -> Result<Backtested, ForecastError> {
    let steps = settings.horizon_steps;
    let unscored = backtest.first_step.clamp(1, steps.max(1)) - 1;
    let mut scores = vec![Score::new(unscored); REPORTED.len()];
    let mut rivals = match backtest.rivals {
        true => {
            vec![Rival::new(ModelKind::AutoEts, unscored), Rival::new(ModelKind::MstlEts, unscored)]
        }
        false => Vec::new(),
    };
    let mut choice = Choice { score: Score::new(unscored), ..Choice::default() };
    let mut visited = 0;
    let rolled = roll(series, settings, backtest, network, |origin| {
        visited += 1;
        if !(visited - 1_usize).is_multiple_of(backtest.score_every.max(1)) {
            return;
        }
        for (score, model) in scores.iter_mut().zip(REPORTED) {
            if let Some(forecast) = origin.forecaster.model_forecast(model, steps) {
                score.add(origin.start_ms, &forecast, origin.actual);
            }
        }
        rivals.iter_mut().for_each(|rival| rival.visit(origin, series, settings));
        choice.visit(origin, settings);
    })?;

    let scale = naive_error(&rolled.train);
    let mut models = Vec::new();
    for (score, model) in scores.iter().zip(REPORTED) {
        let (fit_cpu_ms, predict_cpu_us) = cost(model, &rolled.train, settings);
        models.push(score.report(model.name(), scale, fit_cpu_ms, predict_cpu_us));
    }
    models.extend(rivals.iter().map(|rival| rival.report(scale)));
    let origins = choice.curve.len() as f64;
    models.push(choice.score.report(SERVICE_CHOICE, scale, rolled.start_ms, choice.us / origins));
    let report = Report {
        series: name.into(),
        bin_seconds: settings.bin_ms as f64 / 1e3,
        horizon_seconds: settings.bin_ms as f64 * steps as f64 / 1e3,
        origins: choice.curve.len() as u64,
        abstained: choice.abstained as f64 / origins,
        push_cpu_us: rolled.push_us / rolled.origins as f64,
        models,
    };
    Ok(Backtested { report, curve: choice.curve })
}

/// What the service would have said.
#[derive(Default)]
struct Choice {
    score: Score,
    curve: Vec<CurvePoint>,
    abstained: u64,
    us: f64,
}

impl Choice {
    fn visit(&mut self, origin: &Origin<'_>, settings: &ForecastSettings) {
        let steps = settings.horizon_steps;
        let started = Instant::now();
        let outlook = origin.forecaster.forecast(steps);
        self.us += started.elapsed().as_secs_f64() * 1e6;
        let (said, model) = match outlook {
            Outlook::Forecast(forecast) => (Some(forecast.steps), Some(forecast.model)),
            Outlook::Abstain(abstention) => {
                self.abstained += 1;
                (abstention.level.map(|level| vec![level; steps]), None)
            }
        };
        if let Some(said) = &said {
            self.score.add(origin.start_ms, said, origin.actual);
        }
        self.curve.push(CurvePoint {
            start_ms: origin.start_ms + settings.bin_ms * (steps as i64 - 1),
            actual: origin.actual.last().copied().unwrap_or(f64::NAN),
            said: said.and_then(|said| said.last().copied()),
            model,
        });
    }
}

/// A method that is fitted anew at each origin.
struct Rival {
    model: ModelKind,
    score: Score,
    fitted: u32,
    fit_ms: f64,
    predict_us: f64,
}

impl Rival {
    fn new(model: ModelKind, unscored: usize) -> Self {
        Self { model, score: Score::new(unscored), fitted: 0, fit_ms: 0.0, predict_us: 0.0 }
    }

    fn visit(&mut self, origin: &Origin<'_>, series: &Series, settings: &ForecastSettings) {
        let bins = RIVAL_DAYS * (86_400_000 / series.bin_ms) as usize;
        let values = &origin.known[origin.known.len().saturating_sub(bins)..];
        let start_ms = origin.start_ms - series.bin_ms * values.len() as i64;
        let recent = Series::new(start_ms, series.bin_ms, values.to_vec());
        let started = Instant::now();
        let Ok(fitted) = self.model.fit(&recent, settings) else {
            return;
        };
        let predicting = Instant::now();
        let forecast = fitted.predict(settings.horizon_steps);
        self.predict_us += predicting.elapsed().as_secs_f64() * 1e6;
        self.fit_ms += (predicting - started).as_secs_f64() * 1e3;
        self.fitted += 1;
        if let Ok(forecast) = forecast {
            self.score.add(origin.start_ms, &forecast.steps, origin.actual);
        }
    }

    fn report(&self, scale: f64) -> ModelReport {
        let fitted = f64::from(self.fitted.max(1));
        let (fit_ms, predict_us) = (self.fit_ms / fitted, self.predict_us / fitted);
        self.score.report(self.model.name(), scale, fit_ms, predict_us)
    }
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
