//! What is said of a backup.

use super::backup_arn;
use crate::json;
use crate::table::{TableDefinition, seconds};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// The version of notes that is written.
const VERSION: u64 = 1;

/// What is kept with a backup beside the table's definition. Stored as JSON with a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupNote {
    /// Its name; several may have one.
    pub name: String,
    /// Who has asked for it.
    pub kind: BackupKind,
    /// When it is deleted by itself, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
}

/// Who has asked for a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackupKind {
    /// A client.
    #[serde(rename = "USER")]
    User,
    /// The service, when a table with point-in-time recovery was deleted.
    #[serde(rename = "SYSTEM")]
    System,
    /// The service: it is a point in time that the table can be restored to, and not shown as a backup.
    #[serde(rename = "POINT")]
    Point,
}

impl BackupNote {
    /// What storage keeps.
    pub fn to_stored(&self) -> Json {
        let mut stored = serde_json::to_value(self).expect("a note has text keys only");
        stored["version"] = json!(VERSION);
        stored
    }

    /// What storage has kept; nothing if it is no note, or one of a later version.
    pub fn from_stored(stored: &Json) -> Option<Self> {
        let known = stored.get("version").and_then(Json::as_u64).is_some_and(|v| v <= VERSION);
        known.then(|| serde_json::from_value(stored.clone()).ok()).flatten()
    }
}

/// The state of a backup as clients wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is DynamoDB's state of the same name")]
pub enum BackupStatus {
    Creating,
    Available,
    Deleted,
}

impl BackupStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Available => "AVAILABLE",
            Self::Deleted => "DELETED",
        }
    }
}

/// A backup with everything that is said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupView {
    /// The number that storage knows it by.
    pub number: u64,
    /// What is kept with it.
    pub note: BackupNote,
    /// When it was begun, in milliseconds since the epoch.
    pub begun_ms: i64,
    /// The instant whose state it has.
    pub taken_ms: i64,
    /// Where it is in its life.
    pub status: BackupStatus,
    /// How much it shows.
    pub bytes: u64,
    /// The table as it was.
    pub table: TableDefinition,
}

impl BackupView {
    /// The name by which clients ask for it.
    pub fn arn(&self) -> String {
        backup_arn(&self.table.arn, self.begun_ms, self.number)
    }

    /// Whether clients see it as a backup.
    pub fn is_shown(&self) -> bool {
        self.note.kind != BackupKind::Point
    }

    /// DynamoDB's `BackupDetails`.
    fn details(&self, status: BackupStatus) -> Json {
        let mut details = json!({
            "BackupArn": self.arn(),
            "BackupName": self.note.name,
            "BackupSizeBytes": self.bytes,
            "BackupStatus": status.as_str(),
            "BackupType": self.note.kind,
            "BackupCreationDateTime": seconds(self.begun_ms),
        });
        if let Some(ms) = self.note.expires_ms {
            details["BackupExpiryDateTime"] = json!(seconds(ms));
        }
        details
    }

    /// DynamoDB's `BackupSummary`.
    pub(super) fn summary(&self) -> Json {
        let mut summary = self.details(self.status);
        summary["TableName"] = json!(self.table.name);
        summary["TableId"] = json!(self.table.uuid);
        summary["TableArn"] = json!(self.table.arn);
        summary
    }

    /// DynamoDB's `BackupDescription`.
    fn description(&self, status: BackupStatus) -> Json {
        let (read_units, write_units) = self.table.billing.rates();
        json!({
            "BackupDetails": self.details(status),
            "SourceTableDetails": {
                "TableName": self.table.name,
                "TableId": self.table.uuid,
                "TableArn": self.table.arn,
                "TableSizeBytes": self.bytes,
                "ItemCount": 0,
                "KeySchema": self.table.key_schema_description(),
                "TableCreationDateTime": seconds(self.table.created_ms),
                "ProvisionedThroughput": {
                    "ReadCapacityUnits": read_units,
                    "WriteCapacityUnits": write_units,
                },
                "BillingMode": self.table.billing.mode(),
            },
            "SourceTableFeatureDetails": {
                "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"},
            },
        })
    }

    /// The response of CreateBackup: it shows the backup as it was at first.
    pub fn create_response(&self) -> Vec<u8> {
        json::to_body(&json!({"BackupDetails": self.details(BackupStatus::Creating)}))
    }

    /// The response of DescribeBackup.
    pub fn describe_response(&self) -> Vec<u8> {
        json::to_body(&json!({"BackupDescription": self.description(self.status)}))
    }

    /// The response of DeleteBackup.
    pub fn delete_response(&self) -> Vec<u8> {
        json::to_body(&json!({"BackupDescription": self.description(BackupStatus::Deleted)}))
    }
}
