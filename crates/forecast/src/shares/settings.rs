//! What can be set about shares.

use crate::ForecastError;
use crate::seasons::Seasons;
use serde::{Deserialize, Serialize};

/// Settings of a [`ShareModel`](crate::ShareModel).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShareSettings {
    /// The length of a bin; a day must have 24 to 1440 of them.
    pub bin_ms: i64,
    /// For how many bins ahead the beliefs are compared.
    pub horizon_steps: usize,
    /// After how many minutes a load counts half in the recent share.
    pub recent_half_life_minutes: i64,
    /// The same for the moving share, which has to be fresh.
    pub latest_half_life_minutes: i64,
    /// The length of the times of day that the seasonal share tells apart; an hour at most.
    pub slot_minutes: i64,
    /// How much of a slot's belief the latest day makes up.
    pub day_weight: f64,
    /// After how many hours an error counts half in the comparison.
    pub error_half_life_hours: i64,
    /// By which share the other belief must be better to be taken.
    pub switch_margin: f64,
}

impl Default for ShareSettings {
    fn default() -> Self {
        Self {
            bin_ms: 300_000,
            horizon_steps: 12,
            recent_half_life_minutes: 30,
            latest_half_life_minutes: 10,
            slot_minutes: 15,
            day_weight: 0.4,
            error_half_life_hours: 12,
            switch_margin: 0.05,
        }
    }
}

impl ShareSettings {
    /// Checks every setting against its range.
    pub fn validate(&self) -> Result<(), ForecastError> {
        let day_bins = Seasons::new(self.bin_ms)?.day_bins();
        let check = |ok: bool, name, value: String, expected| {
            if ok { Ok(()) } else { Err(ForecastError::Setting { name, value, expected }) }
        };
        check(
            (1..day_bins).contains(&self.horizon_steps),
            "horizon_steps",
            self.horizon_steps.to_string(),
            "at least 1 and less than a day",
        )?;
        let minutes = [
            ("recent_half_life_minutes", self.recent_half_life_minutes),
            ("latest_half_life_minutes", self.latest_half_life_minutes),
            ("slot_minutes", self.slot_minutes),
            ("error_half_life_hours", self.error_half_life_hours),
        ];
        for (name, value) in minutes {
            check((1..=1440).contains(&value), name, value.to_string(), "1 to 1440")?;
        }
        check(self.slot_minutes <= 60, "slot_minutes", self.slot_minutes.to_string(), "1 to 60")?;
        check(
            self.day_weight > 0.0 && self.day_weight <= 1.0,
            "day_weight",
            self.day_weight.to_string(),
            "above 0 and at most 1",
        )?;
        check(
            (0.0..1.0).contains(&self.switch_margin),
            "switch_margin",
            self.switch_margin.to_string(),
            "in [0, 1)",
        )
    }
}
