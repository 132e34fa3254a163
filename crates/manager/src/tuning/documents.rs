//! `GET` and `POST tables/{t}/tuning`.

use crate::Manager;
use crate::error::ManagerError;
use planner::tuning::{Pins, Prices, Record, Thresholds, Tuning};
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
    /// What the learner last proposed.
    pub proposed: Option<Thresholds>,
    /// The journal, the newest first.
    pub records: Vec<Record>,
}

impl Manager {
    /// How a table's thresholds are tuned.
    ///
    /// # Errors
    /// If there is no such table, or its policy has no thresholds.
    pub fn tuning_document(&self, name: &str) -> Result<TuningDocument, ManagerError> {
        let table = self.shared.table(name)?;
        let settings = &self.shared.settings.tuning.tuner;
        let document = self.shared.with_tuner(table.id(), |tuner| TuningDocument {
            table: name.to_owned(),
            mode: settings.mode,
            prices: settings.prices,
            in_force: tuner.in_force(),
            own: tuner.safe(),
            pins: *tuner.pins(),
            proposed: tuner.proposed(),
            records: tuner.records().rev().cloned().collect(),
        });
        document.ok_or_else(|| no_thresholds(name))
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
