//! What a process looks at first: everything that was said is there, and what is there is true from now on.

use super::super::model::backups::Stage;
use super::super::model::{Change, TableKnown};
use super::{Life, Trouble, broken};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{Backup, BackupState, Direction, Storage, Table};

impl Life {
    pub(super) async fn compare(&self, storage: &Arc<Storage>) -> Result<(), Trouble> {
        let known: BTreeMap<String, TableKnown> = self.model.lock().tables.clone();
        let mut restoring = Vec::new();
        for (name, known) in &known {
            match (storage.table(name), known.change) {
                (table, Change::None) if table.is_some() != known.exists => {
                    return Err(broken(format!("table {name}: {known:?}, found {table:?}")));
                }
                (None, _) => self.model.lock().forget(name),
                // What it may have is known when the backups are.
                (Some(table), Change::Restoring(tag)) => restoring.push((table, tag)),
                (Some(table), _) => self.compare_table(&table, known).await?,
            }
        }
        self.model.lock().settle();
        self.compare_backups(&storage.backups())?;
        for (table, tag) in restoring {
            self.adopt(&table, tag).await?;
        }
        let strangers = storage.tables();
        if let Some(stranger) = strangers.iter().find(|table| !known.contains_key(table.name())) {
            return Err(broken(format!("nobody made {stranger:?}")));
        }
        self.compare_notes(storage).await
    }

    async fn compare_table(&self, table: &Arc<Table>, known: &TableKnown) -> Result<(), Trouble> {
        let (name, map) = (table.name(), table.partition_map());
        if map.epoch < known.epoch || table.order() < known.order {
            let (epoch, order) = (map.epoch, table.order());
            let found = format!("the map of {name} has epoch {epoch}, its keys order {order}");
            return Err(broken(format!("{found}: {known:?}")));
        }
        let rekey = table.pending_rekey().is_some();
        if rekey && !known.rekey {
            return Err(broken(format!("a rekey of {name} is under way that had ended")));
        }
        check_tiles(table)?;
        {
            let mut model = self.model.lock();
            let known = model.table(name);
            (known.change, known.exists, known.rekey) = (Change::None, true, rekey);
            (known.epoch, known.order) = (map.epoch, table.order());
        }
        for key in known.keys.keys() {
            self.get(table, key).await?;
        }
        for direction in [Direction::Forward, Direction::Backward] {
            self.scan(table, direction).await?;
        }
        Ok(())
    }

    /// Backups are there as a whole, or not at all.
    fn compare_backups(&self, found: &[Backup]) -> Result<(), Trouble> {
        let mut model = self.model.lock();
        let mut tags = BTreeMap::new();
        for backup in found {
            let tag = backup.note.as_u64().filter(|tag| model.backups.contains_key(tag));
            match tag {
                Some(tag) if backup.state == BackupState::Whole => tags.insert(tag, backup.id),
                _ => return Err(broken(format!("a backup that should not be: {backup:?}"))),
            };
        }
        let known: Vec<u64> = model.backups.keys().copied().collect();
        for tag in known {
            let Some(backup) = model.backups.get_mut(&tag) else { continue };
            match (backup.stage, tags.get(&tag)) {
                (Stage::Making, Some(id)) => model.backup_is_whole(tag, *id),
                (Stage::Deleting, Some(_)) => backup.stage = Stage::Whole,
                (Stage::Whole, Some(id)) if backup.id == Some(*id) => {}
                (Stage::Making | Stage::Deleting | Stage::Gone, None) => backup.stage = Stage::Gone,
                (stage, id) => {
                    let table = &backup.table;
                    return Err(broken(format!("a backup of {table} is {stage:?}, found {id:?}")));
                }
            }
        }
        Ok(())
    }

    /// A table that was restored from the backup with this tag has what that may have.
    pub(super) async fn adopt(&self, table: &Arc<Table>, tag: u64) -> Result<(), Trouble> {
        check_tiles(table)?;
        let rows = self.rows(table).await?;
        let mut model = self.model.lock();
        let missing = || broken(format!("{table:?} is restored from nothing"));
        model.backups.get_mut(&tag).ok_or_else(missing)?.shown(rows).map_err(broken)?;
        model.restored(table.name(), tag, table.partition_map().epoch);
        Ok(())
    }
}

pub(super) fn check_tiles(table: &Table) -> Result<(), Trouble> {
    let map = table.partition_map();
    let first = map.partitions.first().is_some_and(|p| p.range.start.is_empty());
    let last = map.partitions.last().is_some_and(|p| p.range.end.is_none());
    let meet =
        |pair: &[storage::PartitionInfo]| pair[0].range.end.as_ref() == Some(&pair[1].range.start);
    match first && last && map.partitions.windows(2).all(meet) {
        true => Ok(()),
        false => Err(broken(format!("the partitions do not tile: {map:?}"))),
    }
}
