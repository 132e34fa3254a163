//! The JSON document of a backtest.

use crate::outlook::{ModelKind, Step};
use serde::{Deserialize, Serialize};

/// The result for one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The series' name.
    pub series: String,
    /// The length of a bin.
    pub bin_seconds: f64,
    /// How far ahead was forecast.
    pub horizon_seconds: f64,
    /// How many origins were scored.
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
    /// The 95 % interval of `mase`, drawing the test's days anew (block bootstrap of whole days).
    pub mase_95: [f64; 2],
    /// Symmetric mean absolute percentage error of the calibrated median, as a share.
    pub smape: f64,
    /// Scaled pinball losses.
    pub pinball: Pinball,
    /// The share of bins at or below the quantile. Numbers that are not defined (on a series whose
    /// days all are the same, nothing can be scaled) are NaN here and `null` in JSON.
    pub coverage: Coverage,
    /// What fitting the method alone to the days before the test took; one thread, by the clock. For
    /// a rival, which has to be fitted anew at each origin, the mean of that.
    pub fit_cpu_ms: f64,
    /// What one forecast of the whole horizon took.
    pub predict_cpu_us: f64,
}

impl Report {
    /// The row of a model.
    pub fn model(&self, name: &str) -> Option<&ModelReport> {
        self.models.iter().find(|model| model.name == name)
    }
}

/// A backtest's figures, and what it looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Backtested {
    /// The figures.
    pub report: Report,
    /// The service's own choice at the end of the horizon, one point per scored origin.
    pub curve: Vec<CurvePoint>,
}

/// What had been forecast for a bin a whole horizon before, and what came.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// When the bin starts.
    pub start_ms: i64,
    /// What came, in units per second; NaN if nothing is known.
    pub actual: f64,
    /// What had been said; `None` if nothing was known at all.
    pub said: Option<Step>,
    /// Which method said it; `None` if the service abstained, and `said` is the last week's level.
    pub model: Option<ModelKind>,
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
