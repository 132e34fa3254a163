//! One module per method, and what they have in common.
//!
//! Methods are used in two ways. Inside a [`SeriesForecaster`](crate::SeriesForecaster) each is a
//! `Machine`: it is pushed bin by bin, shares one history with the others, and is calibrated and
//! scored beside them. For a single method there are [`Fit`] and [`Predict`], in the manner of the
//! `augurs` crates: fit a series, then predict; there is no gate, and the caller judges.

pub(crate) mod climatology;
mod ewma;
mod fit;
mod found_season;
pub(crate) mod gru;
mod last_value;
mod profile_level;
pub(crate) mod ridge;
mod seasonal_naive;
mod smoothing;
mod spar;

use crate::ForecastSettings;
use crate::history::History;
use crate::outlook::ModelKind;
use crate::seasons::Seasons;
use ewma::EwmaState;
use found_season::FoundSeasonState;
use gru::{GruState, Network};
use ridge::RidgeState;
use spar::SparState;
use std::sync::Arc;

pub use fit::{Fit, Fitted, Predict};

/// A method with its state beyond the shared history.
#[derive(Clone, Debug)]
pub(crate) enum Machine {
    LastValue,
    SeasonalNaive {
        season_bins: usize,
    },
    Ewma(EwmaState),
    ProfileLevel,
    FoundSeason(FoundSeasonState),
    Spar(Box<SparState>),
    Ridge(Box<RidgeState>),
    Gru(Box<GruState>),
    /// Has no forecast of its own: the forecaster combines the others'.
    Combination,
}

impl Machine {
    /// The machine for a method; the climatology needs none, and rivals are never on trial.
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
            ModelKind::Ewma => Some(Machine::Ewma(EwmaState::default())),
            ModelKind::ProfileLevel => Some(Machine::ProfileLevel),
            ModelKind::FoundSeason => Some(Machine::FoundSeason(FoundSeasonState::new(seasons))),
            ModelKind::Spar => Some(Machine::Spar(Box::new(SparState::new(seasons, settings)))),
            ModelKind::Ridge => Some(Machine::Ridge(Box::new(RidgeState::new(seasons, settings)))),
            ModelKind::Gru => Some(Machine::Gru(Box::default())),
            ModelKind::Combination => Some(Machine::Combination),
            ModelKind::Climatology | ModelKind::AutoEts | ModelKind::MstlEts => None,
        }
    }

    /// Tells the mean of a history that is about to be replayed.
    pub(crate) fn expect_mean(&mut self, mean: f64) {
        if let Machine::Ridge(ridge) = self {
            ridge.expect_mean(mean);
        }
    }

    /// Takes the network that all series share; `false` if it is for other bins or steps.
    pub(crate) fn adopt(
        &mut self,
        network: &Arc<Network>,
        history: &History,
        steps: usize,
    ) -> bool {
        match self {
            Machine::Gru(gru) => gru.adopt(network, history, steps),
            _ => true,
        }
    }

    /// From now on learns from every `stride`-th bin only.
    pub(crate) fn learn_every(&mut self, stride: usize) {
        match self {
            Machine::Spar(spar) => spar.learn_every(stride),
            Machine::Ridge(ridge) => ridge.learn_every(stride),
            Machine::Gru(gru) => gru.rest(stride > 1),
            _ => {}
        }
    }

    /// Takes the bin that `history` has just taken.
    pub(crate) fn push(&mut self, history: &History) {
        match self {
            Machine::Ewma(ewma) => ewma.push(history),
            Machine::Spar(spar) => spar.push(history),
            Machine::Ridge(ridge) => ridge.push(history),
            Machine::Gru(gru) => gru.push(history),
            _ => {}
        }
    }

    /// The costly part of fitting, left to the caller's schedule.
    pub(crate) fn refit(&mut self, history: &History) {
        match self {
            Machine::FoundSeason(found) => found.refit(history),
            Machine::Spar(spar) => spar.refit(history),
            Machine::Ridge(ridge) => ridge.refit(history),
            _ => {}
        }
    }

    /// Writes finite, non-negative forecasts; `false` if there are none yet.
    pub(crate) fn predict(&self, history: &History, points: &mut [f64]) -> bool {
        match self {
            Machine::LastValue => last_value::predict(history, points),
            Machine::SeasonalNaive { season_bins } => {
                seasonal_naive::predict(history, *season_bins, points)
            }
            Machine::Ewma(ewma) => ewma.predict(points),
            Machine::ProfileLevel => profile_level::predict(history, points),
            Machine::FoundSeason(found) => found.predict(history, points),
            Machine::Spar(spar) => spar.predict(history, points),
            Machine::Ridge(ridge) => ridge.predict(history, points),
            Machine::Gru(gru) => gru.predict(history, points),
            Machine::Combination => false,
        }
    }

    pub(crate) fn state_bytes(&self) -> usize {
        match self {
            Machine::Spar(spar) => size_of_val(spar.as_ref()) + spar.state_bytes(),
            Machine::Ridge(ridge) => size_of_val(ridge.as_ref()) + ridge.state_bytes(),
            Machine::Gru(gru) => gru.state_bytes(),
            _ => 0,
        }
    }
}
