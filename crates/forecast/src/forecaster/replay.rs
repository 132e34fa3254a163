//! Starting from a history: the same bins through the same code, at a coarser schedule.
//!
//! The oldest bins are only learnt from. Then come days whose errors fill the calibration, and last
//! the days whose losses choose the model. Nothing is done for a bin that could not matter at the
//! end, which is what makes a start cost milliseconds.

use super::{Duty, SeriesForecaster};
use crate::models::gru::Network;
use crate::outlook::ModelKind;
use crate::scoreboard;
use crate::{ForecastError, ForecastSettings, Observation, Series};
use std::sync::Arc;

/// Into how many stretches the part with forecasts is cut, with a refit before each.
const REFITS: u64 = 12;
/// How far apart the origins are from which the oldest bins are learnt: neighbouring rows say
/// almost the same.
const OLD_ROWS_MINUTES: i64 = 10;

impl SeriesForecaster {
    /// A forecaster that has seen the last `history_days_max` days of `series`, and how well each
    /// method would have done in them.
    pub fn from_history(
        series: &Series,
        settings: &ForecastSettings,
    ) -> Result<Self, ForecastError> {
        Self::of_models(&super::TRIED, series, settings, None)
    }

    /// The same with the network that all series share.
    pub fn from_history_with(
        series: &Series,
        settings: &ForecastSettings,
        network: &Arc<Network>,
    ) -> Result<Self, ForecastError> {
        Self::of_models(&super::TRIED, series, settings, Some(network))
    }

    /// The same with the two methods that cost little: for what is forecast beside a rate.
    pub fn light_from_history(
        series: &Series,
        settings: &ForecastSettings,
    ) -> Result<Self, ForecastError> {
        Self::of_models(&super::LIGHT, series, settings, None)
    }

    /// The same with other methods than all.
    pub(crate) fn of_models(
        models: &[ModelKind],
        series: &Series,
        settings: &ForecastSettings,
        network: Option<&Arc<Network>>,
    ) -> Result<Self, ForecastError> {
        if series.bin_ms != settings.bin_ms {
            return Err(ForecastError::BinMismatch {
                series_ms: series.bin_ms,
                settings_ms: settings.bin_ms,
            });
        }
        let day = crate::seasons::Seasons::new(settings.bin_ms)?.day_bins();
        let skipped = series.len().saturating_sub(settings.history_days_max as usize * day);
        let start_ms = series.start_ms + skipped as i64 * series.bin_ms;
        let mut forecaster = Self::trying(models, start_ms, settings)?;
        if let Some(network) = network {
            forecaster.adopt(network)?;
        }
        forecaster.replay(&series.values[skipped..]);
        Ok(forecaster)
    }

    fn replay(&mut self, values: &[f64]) {
        if let Some(mean) = mean(values) {
            for candidate in &mut self.candidates {
                candidate.machine_mut().expect_mean(mean);
            }
        }
        let seasons = self.history.seasons();
        let judged = scoreboard::window_bins(seasons, &self.settings);
        // The first judged bin must find its quantiles filled: forecast a day longer than both.
        let tried = judged.max(self.calibration_bins()) + seasons.day_bins();
        let refit_interval =
            (tried.min(values.len()) as u64 / REFITS).max(self.settings.refit_interval_bins as u64);
        self.learn_every(seasons.minutes(OLD_ROWS_MINUTES, 1));
        for (at, &value) in values.iter().enumerate() {
            let to_come = values.len() - at;
            if to_come == tried.min(values.len()) {
                self.learn_every(1);
            }
            let duty = match to_come {
                to_come if to_come > tried => Duty::Learn,
                to_come if to_come > judged => Duty::Calibrate { refit_interval },
                _ => Duty::Judge { refit_interval },
            };
            self.take(Observation::from(value), duty);
        }
        self.refit();
        self.refresh_all();
        self.make_forecasts();
    }

    fn learn_every(&mut self, stride: usize) {
        for candidate in &mut self.candidates {
            candidate.machine_mut().learn_every(stride);
        }
    }
}

/// The mean of what was seen.
fn mean(values: &[f64]) -> Option<f64> {
    let seen = values.iter().filter_map(|&value| match Observation::from(value) {
        Observation::Value(value) => Some(value),
        Observation::Gap => None,
    });
    let (sum, count) = seen.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
