//! Fitting one method to one series: [`Fit`] → [`Predict`] → [`Forecast`], in the manner of the
//! `augurs` crates.
//!
//! This is the ungated face: the method was chosen by the caller, and is calibrated on its own past
//! errors as in a [`SeriesForecaster`], which stands behind it.

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
#[derive(Clone, Debug)]
pub struct Fitted {
    model: ModelKind,
    forecaster: SeriesForecaster,
}

impl Predict for Fitted {
    fn predict(&self, horizon_steps: usize) -> Result<Forecast, ForecastError> {
        let steps = self.forecaster.model_forecast(self.model, horizon_steps);
        let recent_error = self.forecaster.recent_error(self.model);
        Ok(Forecast {
            start_ms: self.forecaster.next_start_ms(),
            bin_ms: self.forecaster.bin_ms(),
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
        _ => "a day, and errors of half a day",
    };
    ForecastError::TooShort { method: model.name(), needed: needed.into() }
}

impl Fit for ModelKind {
    type Fitted = Fitted;

    fn fit(&self, series: &Series, settings: &ForecastSettings) -> Result<Fitted, ForecastError> {
        let forecaster = SeriesForecaster::of_models(&[*self], series, settings, None)?;
        let fitted = Fitted { model: *self, forecaster };
        fitted.predict(1)?;
        Ok(fitted)
    }
}
