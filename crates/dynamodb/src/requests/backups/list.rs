//! ListBackups.

use super::{BackupKind, BackupView, backup_number, check_arn};
use crate::error::ApiError;
use crate::json::{self, Body};
use crate::params::Params;
use serde_json::{Value as Json, json};

/// Most backups in a page, and how many there are without a `Limit`.
const LIST_BACKUPS_MAX: usize = 100;

/// A ListBackups request.
#[derive(Clone, Debug)]
pub struct ListBackups {
    table_name: Option<String>,
    limit: usize,
    /// Inclusive.
    from_ms: Option<i64>,
    /// Exclusive.
    to_ms: Option<i64>,
    /// The page begins behind the backup with this number.
    start: Option<u64>,
    /// All types without.
    kind: Option<BackupKind>,
}

/// Which types of backups are listed.
#[derive(Clone, Copy)]
enum Filter {
    All,
    Of(BackupKind),
    /// Of a type that no backup here has.
    None,
}

impl ListBackups {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// If its parameters are out of bounds, or the start is no backup's ARN.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let table_name = params.string("TableName")?;
        let table_name = table_name.map(|name| params.checked_table_name(&name, "tableName"));
        let limit = params.integer("Limit")?;
        params.at_least(limit, 1, "limit");
        params.at_most(limit, LIST_BACKUPS_MAX as i64, "limit");
        let from_ms = params.timestamp_ms("TimeRangeLowerBound")?;
        let to_ms = params.timestamp_ms("TimeRangeUpperBound")?;
        let start = params.string("ExclusiveStartBackupArn")?;
        if let Some(arn) = &start {
            check_arn(&mut params, arn, "exclusiveStartBackupArn");
        }
        let kinds = [
            ("USER", Filter::Of(BackupKind::User)),
            ("SYSTEM", Filter::Of(BackupKind::System)),
            ("AWS_BACKUP", Filter::None),
            ("ALL", Filter::All),
        ];
        let filter = params.choice("BackupType", &kinds)?;
        params.finish_constraints()?;
        if let (Some(from_ms), Some(to_ms)) = (from_ms, to_ms)
            && from_ms > to_ms
        {
            return Err(ApiError::validation(
                "TimeRangeLowerBound must not be later than TimeRangeUpperBound",
            ));
        }
        let invalid =
            |arn: &str| ApiError::validation(format!("Invalid ExclusiveStartBackupArn: {arn}"));
        let start =
            start.map(|arn| backup_number(&arn).ok_or_else(|| invalid(&arn))).transpose()?;
        let (kind, limit_of_kind) = match filter {
            None => (Some(BackupKind::User), usize::MAX),
            Some(Filter::Of(kind)) => (Some(kind), usize::MAX),
            Some(Filter::All) => (None, usize::MAX),
            Some(Filter::None) => (None, 0),
        };
        let limit = limit.map_or(LIST_BACKUPS_MAX, |limit| limit as usize).min(limit_of_kind);
        Ok(Self { table_name, limit, from_ms, to_ms, start, kind })
    }

    /// The response, of all backups in the order of their numbers.
    pub fn respond<'a>(&self, backups: impl Iterator<Item = &'a BackupView>) -> Vec<u8> {
        let mut wanted = backups.filter(|backup| self.wants(backup));
        let page: Vec<&BackupView> = wanted.by_ref().take(self.limit).collect();
        let summaries: Vec<Json> = page.iter().map(|backup| backup.summary()).collect();
        let mut response = json!({"BackupSummaries": summaries});
        if let (Some(last), Some(_)) = (page.last(), wanted.next()) {
            response["LastEvaluatedBackupArn"] = json!(last.arn());
        }
        json::to_body(&response)
    }

    fn wants(&self, backup: &BackupView) -> bool {
        let begun_ms = backup.begun_ms;
        backup.is_shown()
            && self.start.is_none_or(|start| backup.number > start)
            && self.kind.is_none_or(|kind| backup.note.kind == kind)
            && self.table_name.as_ref().is_none_or(|name| backup.table.name == *name)
            && self.from_ms.is_none_or(|from_ms| begun_ms >= from_ms)
            && self.to_ms.is_none_or(|to_ms| begun_ms < to_ms)
    }
}
