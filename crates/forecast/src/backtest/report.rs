//! The JSON document of a backtest.

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
    /// The share of bins at or below the quantile. Numbers that are not defined (on a series whose
    /// days all are the same, nothing can be scaled) are NaN here and `null` in JSON.
    pub coverage: Coverage,
    /// What fitting the method alone to the days before the test took; one thread, by the clock.
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
