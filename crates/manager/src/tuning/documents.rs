//! `GET` and `POST tables/{t}/tuning`.

use crate::Manager;
use crate::error::ManagerError;
use crate::heatmap::hex;
use planner::tuning::{Bounds, Canary, Pins, Prices, Record, Thresholds, Tuner, Tuning};
use serde::Serialize;

const DAY_MS: i64 = 24 * 3_600_000;

/// A table's tuning.
#[derive(Debug, Serialize)]
pub struct TuningDocument {
    /// The table's name.
    pub table: String,
    /// How far tuning may go.
    pub mode: Tuning,
    /// What things cost.
    pub prices: Prices,
    /// What the planner goes by.
    pub in_force: Thresholds,
    /// What the operator has set, pins included: where a revert goes.
    pub own: Thresholds,
    /// What is pinned; the rest is `null`.
    pub pins: Pins,
    /// What nothing leaves.
    pub bounds: Bounds,
    /// What is tried on a share of the partitions, if something is.
    pub canary: Option<CanaryDocument>,
    /// The day before which nothing goes live after a revert, if it is to come.
    pub paused_until_day: Option<i64>,
    /// What the learner last proposed.
    pub proposed: Option<Thresholds>,
    /// The journal, the newest first.
    pub records: Vec<Record>,
}

/// A change that is tried on a share of the partitions.
#[derive(Debug, Serialize)]
pub struct CanaryDocument {
    /// What is tried.
    pub thresholds: Thresholds,
    /// It is live on the partitions up to this key, in hexadecimal; `null` as long as the table has no
    /// boundary for it.
    pub end: Option<String>,
    /// What share of the load they had when it began.
    pub share: Option<f64>,
    /// On how many days it has stood ...
    pub days: u32,
    /// ... and on how many it must, before it is live on all.
    pub days_min: u32,
}

impl CanaryDocument {
    fn new(canary: &Canary, days_min: u32) -> Self {
        let border = canary.border.as_ref();
        Self {
            thresholds: canary.proposal.thresholds,
            end: border.map(|border| hex(&border.key)),
            share: border.map(|border| border.share),
            days: canary.days,
            days_min,
        }
    }
}

impl Manager {
    /// How a table's thresholds are tuned.
    ///
    /// # Errors
    /// If there is no such table, or its policy has no thresholds.
    pub fn tuning_document(&self, name: &str) -> Result<TuningDocument, ManagerError> {
        let table = self.shared.table(name)?;
        let settings = &self.shared.settings.tuning.tuner;
        let today = self.shared.components.clock.now_ms().div_euclid(DAY_MS);
        let of = |tuner: &mut Tuner| TuningDocument {
            table: name.to_owned(),
            mode: settings.mode,
            prices: settings.prices,
            in_force: tuner.in_force(),
            own: tuner.safe(),
            pins: *tuner.pins(),
            bounds: Bounds::default(),
            canary: tuner
                .canary()
                .map(|canary| CanaryDocument::new(canary, settings.canary_days_min)),
            paused_until_day: Some(tuner.paused_until_day()).filter(|day| *day > today),
            proposed: tuner.proposed(),
            records: tuner.records().rev().cloned().collect(),
        };
        self.shared.with_tuner(table.id(), of).ok_or_else(|| no_thresholds(name))
    }

    /// Fixes thresholds of a table, in the place of what was fixed before.
    ///
    /// # Errors
    /// If there is no such table, its policy has no thresholds, one is out of its bounds, or it could
    /// not be written down.
    pub async fn pin_thresholds(
        &self,
        name: &str,
        pins: Pins,
    ) -> Result<TuningDocument, ManagerError> {
        let shared = &self.shared;
        let table = shared.table(name)?;
        let day = shared.components.clock.now_ms().div_euclid(DAY_MS);
        let records_max = shared.settings.tuning.tuner.records_max;
        let pinned = shared.with_tuner(table.id(), |tuner| tuner.pin(pins, day, records_max));
        let refused = |error: planner::PlannerError| ManagerError::Refused(error.to_string());
        pinned.ok_or_else(|| no_thresholds(name))?.map_err(refused)?;
        shared.retune(table.id());
        shared.save_tuner(table.id()).await?;
        self.tuning_document(name)
    }
}

fn no_thresholds(name: &str) -> ManagerError {
    ManagerError::Refused(format!("the policy of table {name:?} has no thresholds to tune"))
}
