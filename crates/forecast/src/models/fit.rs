//! Fitting one method to one series: [`Fit`] → [`Predict`] → [`Forecast`], in the manner of the
//! `augurs` crates.
//!
//! This is the ungated face: the method was chosen by the caller, and is calibrated on its own past
//! errors as in a [`SeriesForecaster`], which stands behind it. The rivals of `smoothing` come with
//! intervals of their own.

use super::smoothing::{self, Smoothed};
use crate::outlook::{Forecast, ModelKind};
use crate::{ForecastError, ForecastSettings, Series, SeriesForecaster};

/// A method that can be fitted to a series.
pub trait Fit {
    /// What fitting makes of it.
    type Fitted: Predict;

    /// Fits the method. Fails if the settings are wrong or the series is too short.
    fn fit(
        &self,
        series: &Series,
        settings: &ForecastSettings,
    ) -> Result<Self::Fitted, ForecastError>;
}

/// A fitted method.
pub trait Predict {
    /// The next `horizon_steps` bins, at most as many as the settings it was fitted with say.
    fn predict(&self, horizon_steps: usize) -> Result<Forecast, ForecastError>;
}

/// One method fitted to one series.
#[derive(Debug)]
pub struct Fitted {
    model: ModelKind,
    start_ms: i64,
    bin_ms: i64,
    method: Method,
}

#[derive(Debug)]
enum Method {
    OnTrial(Box<SeriesForecaster>),
    Rival(Box<Smoothed>),
}

impl Predict for Fitted {
    fn predict(&self, horizon_steps: usize) -> Result<Forecast, ForecastError> {
        let (steps, recent_error) = match &self.method {
            Method::OnTrial(forecaster) => (
                forecaster.model_forecast(self.model, horizon_steps),
                forecaster.recent_error(self.model),
            ),
            Method::Rival(smoothed) => (smoothed.predict(horizon_steps), None),
        };
        Ok(Forecast {
            start_ms: self.start_ms,
            bin_ms: self.bin_ms,
            steps: steps.ok_or_else(|| too_short(self.model))?,
            model: self.model,
            reason: format!("{}: chosen by the caller", self.model),
            recent_error: recent_error.unwrap_or_default(),
        })
    }
}

fn too_short(model: ModelKind) -> ForecastError {
    let needed = match model {
        ModelKind::Climatology => "two dozen values of the last week",
        ModelKind::SeasonalNaiveWeek => "a week, and errors of half a day",
        ModelKind::AutoEts | ModelKind::MstlEts => "two days that are not all the same",
        _ => "a day, and errors of half a day",
    };
    ForecastError::TooShort { method: model.name(), needed: needed.into() }
}

impl Fit for ModelKind {
    type Fitted = Fitted;

    fn fit(&self, series: &Series, settings: &ForecastSettings) -> Result<Fitted, ForecastError> {
        let method = match self {
            ModelKind::AutoEts | ModelKind::MstlEts => {
                let smoothed = smoothing::fit(*self, series, settings)?;
                Method::Rival(Box::new(smoothed.ok_or_else(|| too_short(*self))?))
            }
            _ => {
                let on_trial = SeriesForecaster::of_models(&[*self], series, settings, None)?;
                Method::OnTrial(Box::new(on_trial))
            }
        };
        let (start_ms, bin_ms) = (series.end_ms(), series.bin_ms);
        let fitted = Fitted { model: *self, start_ms, bin_ms, method };
        fitted.predict(1)?;
        Ok(fitted)
    }
}
