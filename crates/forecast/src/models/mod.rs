//! One module per method, and what they have in common.
//!
//! Methods are used in two ways. Inside a [`SeriesForecaster`](crate::SeriesForecaster) each is a
//! `Machine`: it is pushed bin by bin, shares one history with the others, and is calibrated and
//! scored beside them. For a single method there are [`Fit`] and [`Predict`], in the manner of the
//! `augurs` crates: fit a series, then predict; there is no gate, and the caller judges.

pub(crate) mod climatology;
mod fit;
mod last_value;
mod profile_level;
pub(crate) mod ridge;
mod seasonal_naive;

use crate::ForecastSettings;
use crate::history::History;
use crate::outlook::ModelKind;
use crate::seasons::Seasons;
use ridge::RidgeState;

pub use fit::{Fit, Fitted, Predict};

/// A method with its state. Only the ridge regression has any beyond the shared history.
#[derive(Clone, Debug)]
pub(crate) enum Machine {
    LastValue,
    SeasonalNaive { season_bins: usize },
    ProfileLevel,
    Ridge(Box<RidgeState>),
}

impl Machine {
    /// The machine for a method; the climatology needs none.
    pub(crate) fn new(
        kind: ModelKind,
        seasons: Seasons,
        settings: &ForecastSettings,
    ) -> Option<Self> {
        match kind {
            ModelKind::LastValue => Some(Machine::LastValue),
            ModelKind::SeasonalNaiveDay => {
                Some(Machine::SeasonalNaive { season_bins: seasons.day_bins() })
            }
            ModelKind::SeasonalNaiveWeek => {
                Some(Machine::SeasonalNaive { season_bins: seasons.week_bins() })
            }
            ModelKind::ProfileLevel => Some(Machine::ProfileLevel),
            ModelKind::Ridge => Some(Machine::Ridge(Box::new(RidgeState::new(seasons, settings)))),
            ModelKind::Climatology => None,
        }
    }

    /// Tells the mean of a history that is about to be replayed.
    pub(crate) fn expect_mean(&mut self, mean: f64) {
        if let Machine::Ridge(ridge) = self {
            ridge.expect_mean(mean);
        }
    }

    /// From now on learns from every `stride`-th bin only.
    pub(crate) fn learn_every(&mut self, stride: usize) {
        if let Machine::Ridge(ridge) = self {
            ridge.learn_every(stride);
        }
    }

    /// Takes the bin that `history` has just taken.
    pub(crate) fn push(&mut self, history: &History) {
        if let Machine::Ridge(ridge) = self {
            ridge.push(history);
        }
    }

    /// The costly part of fitting, left to the caller's schedule.
    pub(crate) fn refit(&mut self, history: &History) {
        if let Machine::Ridge(ridge) = self {
            ridge.refit(history);
        }
    }

    /// Writes finite, non-negative forecasts; `false` if there are none yet.
    pub(crate) fn predict(&self, history: &History, points: &mut [f64]) -> bool {
        match self {
            Machine::LastValue => last_value::predict(history, points),
            Machine::SeasonalNaive { season_bins } => {
                seasonal_naive::predict(history, *season_bins, points)
            }
            Machine::ProfileLevel => profile_level::predict(history, points),
            Machine::Ridge(ridge) => ridge.predict(history, points),
        }
    }

    pub(crate) fn state_bytes(&self) -> usize {
        match self {
            Machine::Ridge(ridge) => size_of_val(ridge.as_ref()) + ridge.state_bytes(),
            _ => 0,
        }
    }
}
