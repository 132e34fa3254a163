//! Forecasts of one rate per series, with quantiles that are calibrated and a gate that may say no.
//!
//! Read in this order: [`Series`] and [`ForecastSettings`] go in, an [`Outlook`] comes out of a
//! [`SeriesForecaster`], which is fed one bin at a time. Inside, `models` holds one file per
//! method, `calibration` turns past errors into quantiles, `scoreboard` decides which method may
//! speak, or that none may. [`ShareModel`] spreads a table's forecast over the cells of its key
//! axis, [`StoredSize`] says what a partition will hold, and [`backtest`] measures all of it on recorded series.
//!
//! Everything here is a pure function of what was pushed: no I/O, no clock, no randomness. Nobody
//! sees the future: what is forecast at an origin depends only on bins before it.

pub mod anomaly;
pub mod backtest;
mod buffer;
mod calibration;
mod candidate;
mod error;
mod forecaster;
mod history;
mod linalg;
mod models;
mod outlook;
mod random;
mod scoreboard;
mod seasons;
mod series;
mod settings;
mod shares;
mod stored;

pub use error::ForecastError;
pub use forecaster::SeriesForecaster;
pub use models::gru::{Network, Trainer};
pub use models::{Fit, Fitted, Predict};
pub use outlook::{
    Abstention, Forecast, ModelKind, ModelScore, Outlook, Quantile, RecentError, Step,
};
pub use series::{Observation, Series, VALUE_MAX};
pub use settings::ForecastSettings;
pub use shares::{ShareKind, ShareModel, ShareSettings};
pub use stored::{StoredOutlook, StoredSize};
