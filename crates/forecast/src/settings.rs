//! What can be set. The defaults are the ones the figures in docs/forecasting.md were measured with.

use crate::{ForecastError, Quantile};
use serde::{Deserialize, Serialize};

/// The longest horizon: a step must lie within the day that the seasonal models look back to.
pub(crate) const HORIZON_STEPS_MAX: usize = 288;

/// Settings of a [`SeriesForecaster`](crate::SeriesForecaster).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForecastSettings {
    /// The length of a bin; a day must have 24 to 1440 of them.
    pub bin_ms: i64,
    /// How many bins ahead the forecast reaches; at least two bins less than a day.
    pub horizon_steps: usize,
    /// The quantile that decisions use: models are chosen by their pinball loss there.
    pub decision_quantile: Quantile,
    /// How much of a given history is replayed at the start; older bins are not read.
    pub history_days_max: u32,
    /// Below this much history the forecaster abstains.
    pub history_days_min: u32,
    /// After how many bins the ridge regression is solved again.
    pub refit_interval_bins: usize,
    /// The ridge penalty, as a share of each feature's own second moment.
    pub ridge_penalty: f64,
    /// After how many days a row of the regression counts half.
    pub half_life_days: f64,
    /// From how far back past errors make the quantiles.
    pub calibration_days: u32,
    /// From how far back past losses choose the model.
    pub selection_days: u32,
    /// By which share a model's loss must be below the climatology's before it may speak.
    pub gate_margin: f64,
    /// By which share a rival's loss must be below the present model's to replace it.
    pub switch_margin: f64,
}

impl Default for ForecastSettings {
    fn default() -> Self {
        Self {
            bin_ms: 300_000,
            horizon_steps: 12,
            decision_quantile: Quantile::Q90,
            history_days_max: 28,
            history_days_min: 2,
            refit_interval_bins: 12,
            ridge_penalty: 0.003,
            half_life_days: 14.0,
            calibration_days: 5,
            selection_days: 3,
            gate_margin: 0.05,
            switch_margin: 0.03,
        }
    }
}

impl ForecastSettings {
    /// Checks every setting against its range.
    pub fn validate(&self) -> Result<(), ForecastError> {
        let day_bins = crate::seasons::Seasons::new(self.bin_ms)?.day_bins();
        let check = |ok: bool, name, value: String, expected| {
            if ok { Ok(()) } else { Err(ForecastError::Setting { name, value, expected }) }
        };
        let share = |x: f64| (0.0..1.0).contains(&x);
        check(
            (1..=HORIZON_STEPS_MAX.min(day_bins - 2)).contains(&self.horizon_steps),
            "horizon_steps",
            self.horizon_steps.to_string(),
            "at least 1, at most 288 and two less than a day has bins",
        )?;
        check(
            (2..=366).contains(&self.history_days_max),
            "history_days_max",
            self.history_days_max.to_string(),
            "2 to 366",
        )?;
        check(
            (2..=self.history_days_max).contains(&self.history_days_min),
            "history_days_min",
            self.history_days_min.to_string(),
            "at least 2 and at most history_days_max",
        )?;
        check(
            (1..=day_bins).contains(&self.refit_interval_bins),
            "refit_interval_bins",
            self.refit_interval_bins.to_string(),
            "1 bin to a day",
        )?;
        check(
            self.ridge_penalty > 0.0 && self.ridge_penalty <= 10.0,
            "ridge_penalty",
            self.ridge_penalty.to_string(),
            "above 0 and at most 10",
        )?;
        check(
            (1.0..=366.0).contains(&self.half_life_days),
            "half_life_days",
            self.half_life_days.to_string(),
            "1 to 366",
        )?;
        check(
            (1..=28).contains(&self.calibration_days),
            "calibration_days",
            self.calibration_days.to_string(),
            "1 to 28",
        )?;
        check(
            (1..=28).contains(&self.selection_days),
            "selection_days",
            self.selection_days.to_string(),
            "1 to 28",
        )?;
        check(share(self.gate_margin), "gate_margin", self.gate_margin.to_string(), "in [0, 1)")?;
        check(
            share(self.switch_margin),
            "switch_margin",
            self.switch_margin.to_string(),
            "in [0, 1)",
        )
    }
}
