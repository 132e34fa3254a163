//! CreateBackup, DescribeBackup, DeleteBackup, ListBackups, and the restoring of tables.
//!
//! What a backup is made of is storage's business, which keeps a note with each: its name, its type, and when it
//! expires. Here are the requests, what is said of backups, and the ARN by which clients name one: that of
//! the table, the time of the request, and the number that storage has given to it.

mod continuous;
mod describe;
mod list;
mod restore;

pub use continuous::{RestorableTimes, UpdateContinuousBackups, continuous_backups_response};
pub use describe::{BackupKind, BackupNote, BackupStatus, BackupView};
pub use list::ListBackups;
pub use restore::{Origin, RestoreFromBackup, RestoreTime, RestoreToPoint};

use crate::error::{ApiError, ErrorKind};
use crate::json::Body;
use crate::params::Params;

/// The bounds of a backup's name.
const NAME_CHARS: (usize, usize) = (3, 255);
/// The bounds of a backup's ARN.
const ARN_CHARS: (usize, usize) = (37, 1024);
/// What stands between a table's ARN and the rest of a backup's.
const IN_ARN: &str = "/backup/";

/// A CreateBackup request.
#[derive(Clone, Debug)]
pub struct CreateBackup {
    table_name: String,
    backup_name: String,
}

impl CreateBackup {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// If a name is missing or is none.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let table_name = params.table_name()?;
        let backup_name = match params.string("BackupName")? {
            Some(name) => {
                params.checked_name(&name, "backupName", NAME_CHARS);
                name
            }
            None => {
                params.missing("backupName");
                String::new()
            }
        };
        params.finish_constraints()?;
        Ok(Self { table_name, backup_name })
    }

    /// The table to back up.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// The note to keep with the backup.
    pub fn note(self) -> BackupNote {
        BackupNote { name: self.backup_name, kind: BackupKind::User, expires_ms: None }
    }
}

/// A request that is just a backup's ARN: DescribeBackup, DeleteBackup.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    arn: String,
}

impl BackupRequest {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// If it names no backup.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let arn = required_arn(&mut params)?;
        params.finish_constraints()?;
        Ok(Self { arn })
    }

    /// What it names.
    pub fn arn(&self) -> &str {
        &self.arn
    }
}

/// Takes the required `BackupArn`.
fn required_arn(params: &mut Params) -> Result<String, ApiError> {
    let Some(arn) = params.string("BackupArn")? else {
        params.missing("backupArn");
        return Ok(String::new());
    };
    check_arn(params, &arn, "backupArn");
    Ok(arn)
}

fn check_arn(params: &mut Params, arn: &str, path: &str) {
    let (shortest, longest) = ARN_CHARS;
    params.checked_length(arn, shortest, longest, path);
}

/// The number of the backup that an ARN names, if it can be one of ours.
pub fn backup_number(arn: &str) -> Option<u64> {
    let (_, rest) = arn.split_once(IN_ARN)?;
    let (_, number) = rest.split_once('-')?;
    u64::from_str_radix(number, 16).ok()
}

/// The ARN of a backup of the table with this ARN.
pub(crate) fn backup_arn(table_arn: &str, begun_ms: i64, number: u64) -> String {
    format!("{table_arn}{IN_ARN}{begun_ms:014}-{number:08x}")
}

/// The refusal if there is no backup with this ARN.
pub fn backup_not_found(arn: &str) -> ApiError {
    ApiError::new(ErrorKind::BackupNotFound, format!("Backup not found: {arn}"))
}

/// The refusal if something else is being done with a backup.
pub fn backup_in_use(arn: &str) -> ApiError {
    let message = format!("Backup is being created, deleted or restored from: {arn}");
    ApiError::new(ErrorKind::BackupInUse, message)
}

/// The refusal of a backup, or a restore, while a table is being made or deleted.
pub fn table_in_use_for_backups(name: &str) -> ApiError {
    let message = format!("Table is being created or deleted: {name}");
    ApiError::new(ErrorKind::TableInUse, message)
}

#[cfg(test)]
mod tests;
