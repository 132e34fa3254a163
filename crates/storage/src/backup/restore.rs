//! Restoring: a new table whose databases are clones of a backup's checkpoints.
//!
//! Nothing is copied: the new databases borrow the files of the old ones, and are made independent later, as the
//! children of a reslice are ([`maintain`](crate::maintain)). Until then the table's record names what it borrows
//! from. While this is under way the backup cannot be deleted, and its record says so; and until the table's record is
//! written the new databases belong to nobody: if the process dies, the next start deletes them.

use super::register::path_of;
use crate::engine::{CloneSource, Engine};
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::record::backup::{BackupPart, BackupRecord};
use crate::record::table::TableRecord;
use crate::storage::{NewTable, Storage, first_record};
use crate::table::Table;
use crate::table::open::Expect;
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use types::{BackupId, PartitionId};

/// How many databases are cloned at once.
const CLONE_CONCURRENCY: usize = 8;

impl Storage {
    /// Makes a new table that has what a backup has, cut as the backed-up table was: `new` says its name and its
    /// definition, which has to fit the keys, and no boundaries.
    pub async fn restore_table(&self, new: NewTable, backup: BackupId) -> Result<Arc<Table>> {
        if !new.boundaries.is_empty() {
            let reason = "a restored table has the boundaries of its backup: name none";
            return Err(StorageError::Refused(reason.to_owned()));
        }
        let (in_use, intent, backup) = self.shared.backups.restoring(backup)?;
        let _changing = self.change().await?;
        let object = self.free_name(&new.name).await?;
        let id = self.catalog.take_table_id().await?;
        self.shared.reached(FaultPoint::CreateNumbered).await?;
        let backups = &self.shared.backups;
        backups.change(intent.clone(), |record| record.restoring.push(id)).await?;
        let ranges: Vec<_> = backup.parts.iter().map(BackupPart::range).collect();
        let mut record = first_record(id, new, &ranges, self.shared.clock.now_ms());
        record.borrows = backup.databases().collect::<BTreeSet<_>>().into_iter().collect();
        let made = match self.clone_parts(&record, &backup).await {
            Ok(()) => self.make_table(object, record.clone(), Expect::Database).await,
            Err(error) => Err(error),
        };
        match &made {
            Ok(_) => {}
            Err(StorageError::Undecided(_) | StorageError::TakenOver(_)) => {
                // If there is a table after all, it needs what the backup needs.
                std::mem::forget(in_use);
                return made;
            }
            Err(_) => self.delete_clones(&record).await,
        }
        let done = backups.change(intent, |record| record.restoring.retain(|other| *other != id));
        if let Err(error) = done.await {
            tracing::warn!(backup = %backup.id, %error, "that a restore has ended is noted later");
            backups.set_stuck(backup.id);
        }
        made
    }

    async fn clone_parts(&self, record: &TableRecord, backup: &BackupRecord) -> Result<()> {
        let parts: Vec<(PartitionId, BackupPart)> =
            record.partitions.iter().map(|new| new.id).zip(backup.parts.iter().cloned()).collect();
        let cloning =
            parts.into_iter().map(|(child, part)| self.clone_part(record, child, backup, part));
        // None is cancelled when another fails: what is half cloned cannot be deleted.
        let cloned: Vec<Result<()>> =
            futures::stream::iter(cloning).buffer_unordered(CLONE_CONCURRENCY).collect().await;
        cloned.into_iter().collect::<Result<()>>()?;
        self.shared.reached(FaultPoint::RestoreCloned).await
    }

    async fn clone_part(
        &self,
        record: &TableRecord,
        child: PartitionId,
        backup: &BackupRecord,
        part: BackupPart,
    ) -> Result<()> {
        let engine = &self.shared.engine;
        let path = path_of(backup.database(&part));
        let lost = || StorageError::Corrupt {
            path: path.to_string(),
            reason: format!("backup {} names no checkpoint of it", backup.id),
        };
        let checkpoint = part.checkpoint.as_deref().ok_or_else(lost)?;
        let (checkpoint, _) = engine.kept_checkpoint(&path, checkpoint).await?;
        let source = CloneSource { path, checkpoint, range: part.range() };
        engine.clone_database(&Engine::path(record.id, child), &[source]).await
    }

    /// Deletes databases that are not to be a table's. What fails, the next start does.
    async fn delete_clones(&self, record: &TableRecord) {
        let deleted = async {
            for partition in &record.partitions {
                self.shared.engine.delete(&Engine::path(record.id, partition.id)).await?;
            }
            self.shared.directory.remove_empty(Engine::directory(record.id).as_ref())
        };
        if let Err(error) = deleted.await {
            tracing::warn!(table = record.name, %error, "databases of a table that was not restored are left");
        }
    }
}
