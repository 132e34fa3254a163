//! UpdateContinuousBackups and DescribeContinuousBackups: whether a table's past is kept, and how far back.

use crate::error::ApiError;
use crate::json::{self, Body};
use crate::params::Params;
use crate::table::{PointInTime, RECOVERY_DAYS_MAX, TableDefinition, seconds};
use serde_json::json;

/// An UpdateContinuousBackups request.
#[derive(Clone, Debug)]
pub struct UpdateContinuousBackups {
    table_name: String,
    enabled: bool,
    days: Option<u32>,
}

/// The first and the last instant that a table can be restored to, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestorableTimes {
    /// The first.
    pub earliest_ms: i64,
    /// The last.
    pub latest_ms: i64,
}

impl UpdateContinuousBackups {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// If something is missing or out of bounds.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let table_name = params.table_name()?;
        let path = "pointInTimeRecoverySpecification";
        let (mut enabled, mut days) = (None, None);
        match params.object("PointInTimeRecoverySpecification")? {
            None => params.missing(path),
            Some(inner) => {
                let mut inner = Params::new(Body(inner));
                enabled = inner.boolean("PointInTimeRecoveryEnabled")?;
                if enabled.is_none() {
                    inner.missing(&format!("{path}.pointInTimeRecoveryEnabled"));
                }
                let path = format!("{path}.recoveryPeriodInDays");
                days = inner.integer("RecoveryPeriodInDays")?;
                inner.at_least(days, 1, &path);
                inner.at_most(days, i64::from(RECOVERY_DAYS_MAX), &path);
                params.adopt_violations(inner);
            }
        }
        params.finish_constraints()?;
        let enabled = enabled.unwrap_or(false);
        if !enabled && days.is_some() {
            return Err(ApiError::validation(
                "RecoveryPeriodInDays can only be specified if PointInTimeRecoveryEnabled is true",
            ));
        }
        Ok(Self { table_name, enabled, days: days.and_then(|days| u32::try_from(days).ok()) })
    }

    /// The table that the request names.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// Whether the table's past is kept from now on.
    pub fn enables(&self) -> bool {
        self.enabled
    }

    /// The table after the update, which is made at `now_ms`.
    pub fn apply(&self, mut table: TableDefinition, now_ms: i64) -> TableDefinition {
        table.point_in_time = self.enabled.then(|| {
            let before = table.point_in_time;
            let before_days = before.map_or(RECOVERY_DAYS_MAX, |before| before.days);
            PointInTime {
                since_ms: before.map_or(now_ms, |before| before.since_ms),
                days: self.days.unwrap_or(before_days),
            }
        });
        table
    }
}

/// The response of UpdateContinuousBackups and DescribeContinuousBackups.
pub fn continuous_backups_response(
    table: &TableDefinition,
    times: Option<RestorableTimes>,
) -> Vec<u8> {
    let mut recovery = match table.point_in_time {
        None => json!({"PointInTimeRecoveryStatus": "DISABLED"}),
        Some(kept) => json!({
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": kept.days,
        }),
    };
    if let Some(times) = times.filter(|_| table.point_in_time.is_some()) {
        recovery["EarliestRestorableDateTime"] = json!(seconds(times.earliest_ms));
        recovery["LatestRestorableDateTime"] = json!(seconds(times.latest_ms));
    }
    json::to_body(&json!({"ContinuousBackupsDescription": {
        // Enabled on every table of DynamoDB; what can be switched is recovery to a point in time.
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": recovery,
    }}))
}
