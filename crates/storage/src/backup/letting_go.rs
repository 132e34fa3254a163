//! Letting go of what backups have pinned: deleting a backup, undoing one that was not finished, and deleting
//! databases that nobody needs any more.
//!
//! A backup goes in this order: the catalog says so, its checkpoints go (unless another backup has them, too), the
//! databases go that are named by nobody else, and at last its record. Every step may be repeated, so what a
//! crash interrupts is finished at the next start.

use super::Backup;
use super::register::path_of;
use crate::engine::Engine;
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::record::DatabaseId;
use crate::record::backup::{BackupRecord, BackupStage};
use crate::record::table::{RetiredRecord, TableRecord};
use crate::storage::Storage;
use crate::table::Shared;
use object_store::ObjectStore;
use std::collections::BTreeSet;
use types::BackupId;

impl Storage {
    /// Deletes a backup, and what was kept for it alone. If this fails half-way, it is gone all the same, and
    /// the next [`maintain`](Self::maintain) or the next start does the rest.
    pub async fn delete_backup(&self, id: BackupId) -> Result<Backup> {
        let _keeping = self.shared.backups.keeping.lock().await;
        let backups = &self.shared.backups;
        backups.check_open()?;
        let (object, record) = backups.free(id)?;
        match record.stage {
            BackupStage::Making => return Err(StorageError::BackupInUse(id)),
            BackupStage::Deleting => return Err(StorageError::NoSuchBackup(id)),
            BackupStage::Whole => {}
        }
        let shown = backups.get(id).ok_or(StorageError::NoSuchBackup(id))?;
        backups.change(object, |record| record.stage = BackupStage::Deleting).await?;
        if let Err(error) = self.finish_deleting(id).await {
            tracing::warn!(backup = %id, %error, "a backup is deleted, but what it pinned is still there");
            backups.set_stuck(id);
        }
        Ok(shown)
    }

    /// Takes up again what was begun with backups and failed half-way, or was interrupted by the end of the
    /// process before.
    pub(crate) async fn tidy_backups(&self) -> Result<()> {
        let backups = &self.shared.backups;
        if backups.stuck().is_empty() {
            return Ok(());
        }
        let _keeping = backups.keeping.lock().await;
        for id in backups.stuck() {
            let Some(record) = backups.record(id) else { continue };
            match record.stage {
                BackupStage::Making => {
                    undo(&self.shared, id).await?;
                    // If its table is gone, it was the last to name them.
                    self.release_unneeded(&record).await?;
                }
                BackupStage::Deleting => self.finish_deleting(id).await?,
                BackupStage::Whole => {
                    // What was half restored was deleted when the store was opened.
                    if let Ok((object, _)) = backups.free(id) {
                        backups.change(object, |record| record.restoring.clear()).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn finish_deleting(&self, id: BackupId) -> Result<()> {
        let (shared, backups) = (&self.shared, &self.shared.backups);
        let (object, record) = backups.free(id)?;
        shared.reached(FaultPoint::BackupDeleting).await?;
        object.confirm().await?;
        for part in &record.parts {
            let database = record.database(part);
            let Some(checkpoint) = &part.checkpoint else { continue };
            if !backups.is_shared(database, checkpoint, id) {
                shared.engine.delete_checkpoint(&path_of(database), checkpoint).await?;
            }
        }
        self.release_unneeded(&record).await?;
        shared.reached(FaultPoint::BackupReleased).await?;
        object.remove().await?;
        backups.forget(id);
        Ok(())
    }

    /// Does away with those databases of a backup that nobody else names.
    async fn release_unneeded(&self, record: &BackupRecord) -> Result<()> {
        let mut needed = self.shared.backups.needs(Some(record.id));
        needed.extend(self.needed_by_tables(None).await?);
        let pinned: BTreeSet<DatabaseId> = record.databases().collect();
        for database in pinned.into_iter().filter(|database| !needed.contains(database)) {
            self.release(database).await?;
        }
        Ok(())
    }

    /// Does away with a database that nobody names any more: one of a table that is there is that table's again,
    /// as a retired one, since states of its partitions may be pinned that still show files of it.
    pub(crate) async fn release(&self, database: DatabaseId) -> Result<()> {
        let tables = self.tables();
        let Some(table) = tables.iter().find(|table| table.id() == database.table) else {
            return remove_database(&self.shared, database).await;
        };
        let retired_ms = self.shared.clock.now_ms();
        let hand_back = |record: &mut TableRecord| {
            record.retired.push(RetiredRecord { id: database.partition, retired_ms });
            Ok(())
        };
        table.object.update(hand_back).await
    }
}

/// Undoes a backup that is half made. Its databases are those of a table that is there, so they stay.
pub(super) async fn undo(shared: &Shared, id: BackupId) -> Result<()> {
    let backups = &shared.backups;
    let (object, record) = backups.free(id)?;
    let name = record.checkpoint_name();
    for part in &record.parts {
        let path = path_of(record.database(part));
        shared.engine.delete_checkpoints_named(&path, &name).await?;
    }
    shared.reached(FaultPoint::BackupUndone).await?;
    object.remove().await?;
    backups.forget(id);
    Ok(())
}

/// Deletes a database that nobody needs, with what it has pinned in others; and the directory of its table, if that
/// was the last one in it.
async fn remove_database(shared: &Shared, database: DatabaseId) -> Result<()> {
    let path = path_of(database);
    shared.engine.delete(&path).await?;
    shared.directory.remove_empty(path.as_ref())?;
    let directory = Engine::directory(database.table);
    let store = shared.directory.store();
    let left = store.list_with_delimiter(Some(&directory)).await;
    let left = left.map_err(StorageError::store(format!("listing {directory}")))?;
    match left.common_prefixes.is_empty() && left.objects.is_empty() {
        true => shared.directory.remove_empty(directory.as_ref()),
        false => Ok(()),
    }
}
