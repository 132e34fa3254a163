//! What the controller can be told.

use crate::error::PlannerError;
use crate::settings::ScoreSettings;
use forecast::{ForecastSettings, ShareSettings};
use serde::{Deserialize, Serialize};

/// How a table is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControllerSettings {
    /// The score that is published for every partition, whatever the policy makes of it; its
    /// quantile is also the one that loads per cell are given at.
    pub score: ScoreSettings,
    /// The forecasters of partitions. Its bins must be the history's.
    pub forecast: ForecastSettings,
    /// The share models of cells. Its bins must be the history's.
    pub shares: ShareSettings,
    /// From how many days of history the share models start.
    pub share_history_days: i64,
    /// How many of the last seconds are "now".
    pub now_ms: i64,
    /// How many of the last minutes are "recently".
    pub recent_ms: i64,
    /// A partition fuller than this is watched closely: the last minutes and the load of each cell
    /// are looked at every `refresh_ms`, not just at each scoring.
    pub hot_utilisation: f64,
    /// See there.
    pub refresh_ms: i64,
    /// A minute with at least this utilisation, or with throttled requests, counts as at the limit.
    pub at_limit_utilisation: f64,
    /// For at most how many partitions forecasters are built in one tick, up to 15 ms each for
    /// reads and for writes.
    pub builds_per_tick_max: usize,
    /// How far ahead, one day and one week ago, the season's peak is looked for: the time in which
    /// a merge pays back.
    pub payback_ms: i64,
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self {
            score: ScoreSettings::default(),
            forecast: ForecastSettings::default(),
            shares: ShareSettings::default(),
            share_history_days: 7,
            now_ms: 10_000,
            recent_ms: 300_000,
            hot_utilisation: 0.75,
            refresh_ms: 10_000,
            at_limit_utilisation: 0.95,
            builds_per_tick_max: 8,
            payback_ms: crate::settings::MergeSettings::default().payback_ms,
        }
    }
}

impl ControllerSettings {
    /// Checks every setting against its range.
    pub fn validate(&self) -> Result<(), PlannerError> {
        self.forecast.validate()?;
        let check = |ok: bool, name, value: String, expected| {
            if ok { Ok(()) } else { Err(PlannerError::Setting { name, value, expected }) }
        };
        check(
            self.shares.bin_ms == self.forecast.bin_ms,
            "shares.bin_ms",
            self.shares.bin_ms.to_string(),
            "the same as forecast.bin_ms",
        )?;
        check(
            (1..=28).contains(&self.share_history_days),
            "share_history_days",
            self.share_history_days.to_string(),
            "1 to 28",
        )?;
        check(
            (1_000..=300_000).contains(&self.now_ms),
            "now_ms",
            self.now_ms.to_string(),
            "1 s to the 5 minutes for which seconds are kept",
        )?;
        check(
            (10_000..=3_600_000).contains(&self.recent_ms),
            "recent_ms",
            self.recent_ms.to_string(),
            "10 s to the hour for which tens of seconds are kept",
        )?;
        check(
            self.builds_per_tick_max > 0,
            "builds_per_tick_max",
            self.builds_per_tick_max.to_string(),
            "at least 1, or no partition is ever forecast",
        )
    }
}
