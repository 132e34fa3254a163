//! The backups that there are, as the catalog has them, and who needs which database.

use super::Backup;
use crate::catalog::Catalog;
use crate::engine::{DATA, Engine};
use crate::error::{Result, StorageError};
use crate::record::DatabaseId;
use crate::record::backup::{BackupPart, BackupRecord, BackupStage};
use crate::storage::Storage;
use crate::versioned::VersionedObject;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use types::{BackupId, PartitionId, TableId};

/// How many records are read at once at start.
const LOAD_CONCURRENCY: usize = 16;

pub(crate) type BackupObject = Arc<VersionedObject<BackupRecord>>;

/// All backups of a store.
#[derive(Debug, Default)]
pub(crate) struct Backups {
    /// Held by whoever decides that a database, or a checkpoint, is needed by nobody, until it is gone; and by
    /// whoever is about to need one that it has not named yet.
    pub(crate) keeping: tokio::sync::Mutex<()>,
    entries: Mutex<BTreeMap<BackupId, Entry>>,
    closed: AtomicBool,
}

#[derive(Clone, Debug)]
struct Entry {
    object: BackupObject,
    record: Arc<BackupRecord>,
    /// How many tables are being restored from it.
    restores: usize,
    /// What was begun with it failed half-way and is to be taken up again.
    stuck: bool,
}

/// Keeps a backup from being deleted while a table is restored from it.
pub(super) struct InUse<'a> {
    backups: &'a Backups,
    id: BackupId,
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.backups.entries.lock().get_mut(&self.id) {
            entry.restores -= 1;
        }
    }
}

impl Backups {
    /// Reads all records, after taking them away from a process that may still have the store open.
    pub(crate) async fn load(&self, catalog: &Catalog) -> Result<()> {
        let ids = catalog.backup_ids().await?;
        let read = |id| async move {
            let object = catalog.backup(id).await?;
            object.claim().await?;
            let record = object.record().await?;
            if record.is_none() {
                object.remove().await?;
            }
            Ok::<_, StorageError>(record.map(|record| (Arc::new(object), record)))
        };
        let read = futures::stream::iter(ids).map(read).buffer_unordered(LOAD_CONCURRENCY);
        let found: Vec<_> = read.try_collect().await?;
        for (object, record) in found.into_iter().flatten() {
            let rests = record.stage == BackupStage::Whole && record.restoring.is_empty();
            let id = record.id;
            self.put(object, record);
            if !rests {
                self.set_stuck(id);
            }
        }
        Ok(())
    }

    /// Waits for what is under way; nothing is begun afterwards.
    pub(crate) async fn close(&self) {
        let _keeping = self.keeping.lock().await;
        self.closed.store(true, Ordering::SeqCst);
    }

    /// An error if the store is closed. To be asked by whoever holds `keeping`.
    pub(super) fn check_open(&self) -> Result<()> {
        match self.closed.load(Ordering::SeqCst) {
            true => Err(StorageError::Closed),
            false => Ok(()),
        }
    }

    /// Notes a record as it is in the catalog now.
    pub(super) fn put(&self, object: BackupObject, record: BackupRecord) {
        let mut entries = self.entries.lock();
        let restores = entries.get(&record.id).map_or(0, |entry| entry.restores);
        let id = record.id;
        let entry = Entry { object, record: Arc::new(record), restores, stuck: false };
        entries.insert(id, entry);
    }

    /// Changes a record in the catalog, and here.
    pub(super) async fn change(
        &self,
        object: BackupObject,
        change: impl FnOnce(&mut BackupRecord),
    ) -> Result<()> {
        let changed = object.write(|before| {
            let gone = || StorageError::Conflict("the record of a backup".to_owned());
            let mut record = before.ok_or_else(gone)?.clone();
            change(&mut record);
            Ok((record.clone(), record))
        });
        let record = changed.await?;
        self.put(object, record);
        Ok(())
    }

    pub(super) fn forget(&self, id: BackupId) {
        self.entries.lock().remove(&id);
    }

    /// What was begun with a backup is to be taken up again.
    pub(super) fn set_stuck(&self, id: BackupId) {
        if let Some(entry) = self.entries.lock().get_mut(&id) {
            entry.stuck = true;
        }
    }

    /// Those with which something was begun and not finished, by nobody who still works at it.
    pub(super) fn stuck(&self) -> Vec<BackupId> {
        let entries = self.entries.lock();
        entries.values().filter(|entry| entry.stuck).map(|entry| entry.record.id).collect()
    }

    pub(crate) fn record(&self, id: BackupId) -> Option<Arc<BackupRecord>> {
        self.entries.lock().get(&id).map(|entry| entry.record.clone())
    }

    /// A backup that may be changed: nobody restores from it.
    pub(super) fn free(&self, id: BackupId) -> Result<(BackupObject, Arc<BackupRecord>)> {
        let entries = self.entries.lock();
        let entry = entries.get(&id).ok_or(StorageError::NoSuchBackup(id))?;
        match entry.restores {
            0 => Ok((entry.object.clone(), entry.record.clone())),
            _ => Err(StorageError::BackupInUse(id)),
        }
    }

    /// A backup that a table is about to be restored from.
    pub(super) fn restoring(
        &self,
        id: BackupId,
    ) -> Result<(InUse<'_>, BackupObject, Arc<BackupRecord>)> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(&id).ok_or(StorageError::NoSuchBackup(id))?;
        if entry.record.stage != BackupStage::Whole {
            return Err(StorageError::BackupInUse(id));
        }
        entry.restores += 1;
        Ok((InUse { backups: self, id }, entry.object.clone(), entry.record.clone()))
    }

    pub(super) fn list(&self) -> Vec<Backup> {
        self.entries.lock().values().map(|entry| shown(&entry.record)).collect()
    }

    pub(super) fn get(&self, id: BackupId) -> Option<Backup> {
        self.entries.lock().get(&id).map(|entry| shown(&entry.record))
    }

    /// The newest part of a whole backup that is a checkpoint of this database.
    pub(super) fn newest_part(&self, database: DatabaseId) -> Option<BackupPart> {
        let entries = self.entries.lock();
        let whole = entries.values().rev().filter(|entry| entry.record.stage == BackupStage::Whole);
        let of_table = whole.filter(|entry| entry.record.table == database.table);
        let mut parts = of_table.flat_map(|entry| &entry.record.parts);
        parts.find(|part| part.partition == database.partition).cloned()
    }

    /// All databases that backups need, but for one backup.
    pub(crate) fn needs(&self, but: Option<BackupId>) -> HashSet<DatabaseId> {
        let entries = self.entries.lock();
        let others = entries.values().filter(|entry| Some(entry.record.id) != but);
        others.flat_map(|entry| entry.record.databases().collect::<Vec<_>>()).collect()
    }

    /// Whether another backup has this checkpoint, too.
    pub(super) fn is_shared(&self, database: DatabaseId, checkpoint: &str, but: BackupId) -> bool {
        let entries = self.entries.lock();
        let others = entries.values().filter(|entry| entry.record.id != but);
        let mut parts = others
            .filter(|entry| entry.record.table == database.table)
            .flat_map(|entry| &entry.record.parts);
        parts.any(|part| {
            part.partition == database.partition && part.checkpoint.as_deref() == Some(checkpoint)
        })
    }
}

impl Storage {
    /// All databases that somebody else than this table needs. The caller holds [`Backups::keeping`].
    pub(crate) async fn needed_beside(&self, but: TableId) -> Result<HashSet<DatabaseId>> {
        let mut needed = self.shared.backups.needs(None);
        needed.extend(self.needed_by_tables(Some(but)).await?);
        Ok(needed)
    }

    /// All databases that tables need, but for one table.
    pub(super) async fn needed_by_tables(
        &self,
        but: Option<TableId>,
    ) -> Result<HashSet<DatabaseId>> {
        let mut needed = HashSet::new();
        for table in self.tables().iter().filter(|table| Some(table.id()) != but) {
            if let Some(record) = table.object.record().await? {
                needed.extend(record.needs());
            }
        }
        Ok(needed)
    }
}

/// Where a database is.
pub(crate) fn path_of(database: DatabaseId) -> Path {
    Engine::path(database.table, database.partition)
}

/// The database at a path, if it is one of a partition.
pub(crate) fn database_at(path: &str) -> Option<DatabaseId> {
    let (table, partition) = path.strip_prefix(DATA)?.strip_prefix("/t")?.split_once("/p")?;
    let (table, partition) = (table.parse().ok()?, partition.parse().ok()?);
    Some(DatabaseId { table: TableId(table), partition: PartitionId(partition) })
}

fn shown(record: &BackupRecord) -> Backup {
    Backup {
        id: record.id,
        table: record.table,
        table_name: record.table_name.clone(),
        state: record.stage.into(),
        begun_ms: record.begun_ms,
        taken_ms: record.taken_ms.unwrap_or(record.begun_ms),
        definition: record.definition.clone(),
        note: record.note.clone(),
        bytes: record.parts.iter().map(|part| part.bytes).sum(),
        partitions: record.parts.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_which_database_it_is() {
        let database = DatabaseId { table: TableId(12), partition: PartitionId(345) };
        assert_eq!(database_at(path_of(database).as_ref()), Some(database));
        for other in
            ["", "data", "data/t1", "data/t1/x2", "data/t/p1", "other/t1/p1", "data/t1/p1/x"]
        {
            assert_eq!(database_at(other), None, "{other}");
        }
    }
}
