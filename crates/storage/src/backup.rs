//! Backups: a table as it was at one instant, without a copy of it.
//!
//! A backup is a checkpoint of the database of each partition, and a record in the catalog that names them
//! ([`record::backup`](crate::record::backup)). Files never change, so keeping a state is a matter of not deleting
//! its files: the engine spares what a checkpoint shows, and a database that a backup names is not deleted,
//! also when the partition is replaced or the table dropped.
//!
//! - [`making`]: **one instant for all partitions.** All gates of the table are held, each database is told to cut its
//!   memtable, and the gates are opened: what had passed a gate is in the backup, what waited is not. The storing of
//!   what was cut happens while writers go on.
//! - [`restore`]: a new table whose databases are clones of the checkpoints.
//! - [`letting_go`]: deleting a backup, undoing one that was not finished, and deleting databases that nobody
//!   needs any more.
//! - [`register`]: the backups that there are, and who needs which database.
//!
//! It knows no names of backups and no policies: those come from above, in a note.

use crate::error::{Result, StorageError};
use crate::record::backup::BackupStage;
use crate::storage::Storage;
use crate::table::Table;
use std::sync::Arc;
use types::{BackupId, TableId};

pub(crate) mod letting_go;
mod making;
pub(crate) mod register;
mod restore;

pub(crate) use register::Backups;

/// A backup as its owner sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    /// Its number; never given out again in this store.
    pub id: BackupId,
    /// The table that it was made of, which may be gone.
    pub table: TableId,
    /// What that table was called.
    pub table_name: String,
    /// Where it is in its life.
    pub state: BackupState,
    /// When it was begun, by the store's clock.
    pub begun_ms: i64,
    /// The instant whose state it has; the same before that is known.
    pub taken_ms: i64,
    /// The table's definition at that instant.
    pub definition: serde_json::Value,
    /// What the crates above keep with it.
    pub note: serde_json::Value,
    /// How much it shows, by estimate. It shares that with the table and with other backups.
    pub bytes: u64,
    /// How many partitions the table had.
    pub partitions: usize,
}

/// Where a backup is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupState {
    /// It is being made.
    Making,
    /// It can be restored.
    Whole,
    /// It is being deleted.
    Deleting,
}

/// What making a backup took.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupReport {
    /// The backup.
    pub backup: Backup,
    /// Partitions of which nothing was written since an earlier backup: this one shares that one's
    /// checkpoint.
    pub unchanged: usize,
    /// How long writes to the table were held.
    pub hold_ms: f64,
    /// From the request to the record in the catalog.
    pub total_ms: f64,
}

impl Storage {
    /// Makes a backup of a table: of exactly what was acknowledged before some instant between this call and
    /// its return, and of what was then on its way to an acknowledgement. Requests go on meanwhile; writes are held
    /// for a moment. Waits for a reslice that is under way. Once begun, it runs to its end even if the caller goes
    /// away.
    pub async fn create_backup(
        &self,
        table: &Arc<Table>,
        note: serde_json::Value,
    ) -> Result<BackupReport> {
        let held = table.workflow_again().await?;
        table.check_decided()?;
        let id = self.catalog.take_backup_id().await?;
        let object = Arc::new(self.catalog.backup(id).await?);
        let making = making::Making::new(table, id, object, note);
        let run = tokio::spawn(async move {
            let made = making.run().await;
            drop(held);
            made
        });
        run.await.unwrap_or_else(|stopped| Err(StorageError::Interrupted(stopped.to_string())))
    }

    /// All backups, oldest first.
    pub fn backups(&self) -> Vec<Backup> {
        self.shared.backups.list()
    }

    /// The backup with this number.
    pub fn backup(&self, id: BackupId) -> Option<Backup> {
        self.shared.backups.get(id)
    }

    /// Whether nothing was written to the table since a backup of it was made.
    pub fn is_as_in_backup(&self, table: &Table, id: BackupId) -> bool {
        self.shared.backups.record(id).is_some_and(|record| making::is_unchanged(table, &record))
    }
}

impl From<BackupStage> for BackupState {
    fn from(stage: BackupStage) -> Self {
        match stage {
            BackupStage::Making => Self::Making,
            BackupStage::Whole => Self::Whole,
            BackupStage::Deleting => Self::Deleting,
        }
    }
}
