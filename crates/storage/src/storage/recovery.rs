//! What happens at start: every table of the catalog is brought to rest and opened.
//!
//! A reslice that was not published is undone, a drop that was begun is finished, and databases
//! that the catalog does not name are deleted. A rekey that was under way goes on when its caller asks
//! for that; until then its writes are captured. A reslice that was published needs nothing: its
//! children are the partitions, and its parents wait for [`maintain`](crate::maintain). Backups that are half made
//! or half deleted are seen to when the tables are open.

use super::drop::finish_drop;
use crate::backup::register::path_of;
use crate::catalog::{Catalog, TableObject};
use crate::engine::{DATA, Engine};
use crate::error::{Result, StorageError};
use crate::record::DatabaseId;
use crate::record::table::{TableRecord, TableState};
use crate::rekey::undo::finish_undoing;
use crate::reslice::undo::undo_unpublished;
use crate::table::open::Expect;
use crate::table::{Shared, Table};
use object_store::ObjectStore;
use object_store::path::Path;
use std::collections::HashSet;
use std::sync::Arc;

/// Opens all tables, by name.
pub(super) async fn open_tables(
    shared: &Arc<Shared>,
    catalog: &Catalog,
) -> Result<Vec<Arc<Table>>> {
    let mut names = catalog.table_names().await?;
    names.sort();
    let (mut resting, mut dropping) = (Vec::new(), Vec::new());
    for name in names {
        let object = catalog.table(&name).await?;
        // Before anything is undone: the process before may be about to publish what is undone here.
        object.claim().await?;
        undo_unpublished(shared, &object).await?;
        finish_undoing(shared, &object).await?;
        match object.record().await? {
            Some(record) if record.state == TableState::Active => resting.push((object, record)),
            Some(record) if record.state == TableState::Dropping => dropping.push(object),
            _ => {}
        }
    }
    let records: Vec<&TableRecord> = resting.iter().map(|(_, record)| record).collect();
    shared.backups.load(catalog).await?;
    let needed = finish_drops(shared, &records, dropping).await?;
    sweep_orphans(shared, &records, &needed, catalog.next_table().await?).await?;
    let mut tables = Vec::new();
    for (object, record) in resting {
        tables.push(Table::open(shared.clone(), object, record, Expect::Database).await?);
    }
    Ok(tables)
}

/// Finishes the drops. Answers which databases are needed after that.
async fn finish_drops(
    shared: &Arc<Shared>,
    records: &[&TableRecord],
    dropping: Vec<TableObject>,
) -> Result<HashSet<DatabaseId>> {
    let mut needed = shared.backups.needs(None);
    needed.extend(records.iter().flat_map(|record| record.needs()));
    for object in &dropping {
        finish_drop(shared, object, &needed).await?;
    }
    Ok(needed)
}

/// Deletes databases that belong to nobody: of a table whose making was interrupted, or written by
/// a clone that ended after it had been undone. Numbers only grow: a number that had not been given out
/// when the catalog was claimed belongs to a process that has taken over meanwhile.
async fn sweep_orphans(
    shared: &Shared,
    records: &[&TableRecord],
    needed: &HashSet<DatabaseId>,
    next_table: u64,
) -> Result<()> {
    let named: HashSet<Path> = needed.iter().map(|database| path_of(*database)).collect();
    for table in directories(shared, &Path::from(DATA)).await? {
        if number(&table).is_some_and(|number| number >= next_table) {
            continue;
        }
        let record = records.iter().find(|record| table == Engine::directory(record.id));
        let next = record.map_or(u64::MAX, |record| record.next_partition);
        for database in directories(shared, &table).await? {
            let older = number(&database).is_none_or(|number| number < next);
            if older && !named.contains(&database) {
                tracing::info!(%database, "deleting a database that belongs to no table");
                shared.engine.delete(&database).await?;
                shared.directory.remove_empty(database.as_ref())?;
            }
        }
        let is_kept = needed.iter().any(|database| table == Engine::directory(database.table));
        if record.is_none() && !is_kept {
            shared.engine.delete_files(&table).await?;
            shared.directory.remove_empty(table.as_ref())?;
        }
    }
    let opened = records.iter().flat_map(|record| record.opened().map(|id| (record.id, id)));
    let opened = opened.map(|(table, id)| Engine::path(table, id)).collect();
    forget_others(shared, &opened).await
}

/// Lets the log forget databases that are never opened again: those that belong to nobody, whose files
/// may be gone already, and those that were replaced. What others borrow from these is in files, and
/// nobody reads anything else of them; but what the log has of them would hold it for ever.
async fn forget_others(shared: &Shared, named: &HashSet<Path>) -> Result<()> {
    let Some(wal) = shared.engine.wal() else {
        return Ok(());
    };
    for database in wal.databases().iter().filter(|database| !named.contains(database)) {
        tracing::info!(%database, "the log forgets a database that is not opened any more");
        wal.drop_database(database).await?;
    }
    Ok(())
}

/// The number in the name of a table's or a partition's directory.
fn number(directory: &Path) -> Option<u64> {
    directory.filename()?.get(1..)?.parse().ok()
}

async fn directories(shared: &Shared, below: &Path) -> Result<Vec<Path>> {
    let listed = shared.catalog.store().list_with_delimiter(Some(below)).await;
    let listed = listed.map_err(StorageError::store(format!("listing {below}")))?;
    Ok(listed.common_prefixes)
}
