//! Training a table's thresholds on its own history, and judging what was learnt on later days.
//!
//! Days are episodes: the learner sets thresholds when a day begins, the day is played, and what it cost
//! less than under the operator's own thresholds is the reward. [`train`] is the learner, [`grid`] its
//! rival with as many played days, [`compare`] plays both on days that neither has seen, [`replay`]
//! says what thresholds would have cost on a day that is over. Deterministic: the same history and
//! seed give the same thresholds. The learner itself, prices and the safety rules are
//! `planner::tuning`'s.

mod compare;
mod days;
mod train;

pub use compare::{Compared, Row, compare, compare_kept, table};
pub use days::{Days, Pace, replay};
pub use train::{Trained, grid, train};

use crate::minutes::PlaySettings;
use planner::ControllerSettings;
use planner::tuning::{Pins, Prices};
use serde::{Deserialize, Serialize};

/// How many times the days of the history are played, by the learner and by the grid alike.
pub const PASSES: usize = 18;
/// Forecasts for training read at most this much history: reading is most of the work.
pub const FORECAST_DAYS_MAX: u32 = 10;
/// Training stops, and makes do with what it has, when so many forecasters have been built. Each takes
/// 10 to 30 milliseconds of CPU with all that is played on it, which bounds training by a count that is the same on every machine.
pub const FORECASTERS_MAX: usize = 2_000;
/// The fewest days that are learnt from.
pub const DAYS_MIN: usize = 3;

/// How a table is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSettings {
    /// How many of the last days are learnt from.
    pub days: usize,
    /// What is drawn depends on this.
    pub seed: u64,
    /// What things cost.
    pub prices: Prices,
    /// What the operator has fixed.
    pub pins: Pins,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self { days: 10, seed: 1, prices: Prices::default(), pins: Pins::default() }
    }
}

/// Settings to play by in which forecasts read no more than [`FORECAST_DAYS_MAX`] days.
pub fn frugal(settings: &PlaySettings) -> PlaySettings {
    let mut settings = settings.clone();
    let forecast = &mut settings.controller.forecast;
    forecast.history_days_max = forecast.history_days_max.min(FORECAST_DAYS_MAX);
    settings.controller =
        ControllerSettings { score: settings.planner.score.clone(), ..settings.controller };
    settings
}

#[cfg(test)]
mod tests;
