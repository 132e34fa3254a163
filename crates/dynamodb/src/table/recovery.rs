//! What a table's definition says of its recovery: whether it can be restored to points in time, and what it was
//! restored from itself.

use super::seconds;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// How long DynamoDB, and this service, keep points in time if the request does not say.
pub const RECOVERY_DAYS_MAX: u32 = 35;

/// That a table can be restored to points in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointInTime {
    /// Since when, in milliseconds since the epoch.
    pub since_ms: i64,
    /// How far back.
    pub days: u32,
}

/// Where a restored table comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The table that it is a copy of.
    pub table_arn: String,
    /// The backup; none if it was restored to a point in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_arn: Option<String>,
    /// The instant whose state it began with, in milliseconds since the epoch.
    pub instant_ms: i64,
}

impl Restored {
    /// DynamoDB's `RestoreSummary`.
    pub(crate) fn summary(&self, in_progress: bool) -> Json {
        let mut summary = json!({
            "SourceTableArn": self.table_arn,
            "RestoreDateTime": seconds(self.instant_ms),
            "RestoreInProgress": in_progress,
        });
        if let Some(arn) = &self.backup_arn {
            summary["SourceBackupArn"] = json!(arn);
        }
        summary
    }
}
