//! Dropping a table: the catalog says it first, then the data go.
//!
//! From the first write on the table is gone for everybody; what is left to do is done again at
//! the next start if the process dies.

use super::Storage;
use crate::catalog::TableObject;
use crate::engine::{DATA, Engine};
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::record::DatabaseId;
use crate::record::table::{TableRecord, TableState};
use crate::table::{Life, Shared};
use std::collections::HashSet;

impl Storage {
    /// Deletes a table and its data. Waits for a reslice that is under way; requests that are
    /// under way finish, later ones find no table. If this fails half-way, the table is gone and
    /// the next start deletes the rest; its name is not free before that. If it cannot be found out
    /// whether the catalog says so, the table refuses writes until a start decides it.
    pub async fn drop_table(&self, name: &str) -> Result<()> {
        let _changing = self.change().await?;
        let missing = || StorageError::NoSuchTable(name.to_owned());
        let table = self.table(name).ok_or_else(missing)?;
        let _workflow = table.workflow.lock().await;
        let dropping = |record: &mut TableRecord| {
            record.state = TableState::Dropping;
            Ok(())
        };
        match table.object.update(dropping).await {
            // The next start may find that the table is gone, and every write with it.
            Err(error @ (StorageError::Undecided(_) | StorageError::TakenOver(_))) => {
                table.stop_writes().await;
                return Err(error);
            }
            answer => answer?,
        }
        self.change_tables(|tables| tables.retain(|other| other.name() != name));
        table.close(Life::Dropped).await?;
        self.shared.reached(FaultPoint::DropJournaled).await?;
        let _keeping = self.shared.backups.keeping.lock().await;
        let kept = self.needed_beside(table.id()).await?;
        let record = table.object.record().await?;
        finish_drop(&self.shared, &table.object, &kept).await?;
        let borrowed = record.map(|record| record.borrows).unwrap_or_default();
        for database in borrowed.into_iter().filter(|database| !kept.contains(database)) {
            self.release(database).await?;
        }
        Ok(())
    }
}

/// Deletes the data of a table that is being dropped, but for databases that backups or other tables need:
/// from here on these are theirs. What it borrowed and nobody else needs is the caller's to release; the next start
/// deletes that, too. None of its databases is open.
pub(crate) async fn finish_drop(
    shared: &Shared,
    object: &TableObject,
    kept: &HashSet<DatabaseId>,
) -> Result<()> {
    let Some(record) = object.record().await? else {
        return Ok(());
    };
    for partition in record.databases() {
        let path = Engine::path(record.id, partition);
        if kept.contains(&DatabaseId { table: record.id, partition }) {
            shared.engine.forget_rows(&path).await?;
            continue;
        }
        if record.borrows.is_empty() {
            shared.engine.delete_parts(&path).await?;
        } else {
            // It has pinned files in databases that stay, perhaps.
            shared.engine.delete(&path).await?;
        }
        shared.directory.remove_empty(path.as_ref())?;
    }
    // Some may be a backup's for long, and not in the record any more.
    if kept.iter().all(|database| database.table != record.id) {
        shared.directory.remove_empty(&format!("{DATA}/{}", record.id))?;
    }
    shared.reached(FaultPoint::DropDeleted).await?;
    let dropped = |record: &mut TableRecord| {
        record.state = TableState::Dropped;
        record.definition = serde_json::Value::Null;
        record.partitions.clear();
        record.reslice = None;
        record.rekey = None;
        record.retired.clear();
        record.borrows.clear();
        Ok(())
    };
    object.update(dropped).await
}
