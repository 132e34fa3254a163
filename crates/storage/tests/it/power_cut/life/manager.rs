//! The manager: splits, merges and shifts boundaries, keeps house; and small tables come and go.

use super::super::model::{Change, TableKnown};
use super::compare::check_tiles;
use super::{Broken, KEYS, Life, REST_MS_MAX, TABLE, Trouble, in_order, name};
use crate::rekey::orders::text;
use bytes::Bytes;
use std::sync::Arc;
use storage::{NewTable, Reslice, Storage, StorageError, Table};
use types::PartitionId;

const MANAGER_STEPS: u64 = 7;

impl Life {
    pub(super) async fn ensure_table(
        &self,
        storage: &Arc<Storage>,
        name: &str,
    ) -> Result<Option<Arc<Table>>, Broken> {
        if let Some(table) = storage.table(name) {
            return Ok(Some(table));
        }
        self.model.lock().table(name).change = Change::Making;
        let boundary = if name == TABLE { super::name(KEYS / 2) } else { "m".to_owned() };
        let new = NewTable {
            name: name.to_owned(),
            definition: serde_json::Value::Null,
            boundaries: vec![Bytes::from(boundary)],
        };
        match storage.create_table(new).await {
            Ok(table) => {
                let epoch = table.partition_map().epoch;
                let made = TableKnown { exists: true, epoch, ..TableKnown::default() };
                self.model.lock().tables.insert(name.to_owned(), made);
                Ok(Some(table))
            }
            Err(error) => self.tolerate(&error).map(|()| None),
        }
    }

    pub(super) async fn manage(
        &self,
        storage: &Arc<Storage>,
        table: &Arc<Table>,
    ) -> Result<(), Broken> {
        for _ in 0..MANAGER_STEPS {
            self.rest(REST_MS_MAX).await;
            let done = match self.chance(3) {
                0 => self.maintain(storage).await,
                _ => self.reslice(table).await,
            };
            self.after(done)?;
        }
        Ok(())
    }

    async fn maintain(&self, storage: &Arc<Storage>) -> Result<(), Trouble> {
        let kept = storage.maintain().await.map_err(Trouble::Failed)?;
        self.report.lock().parents_deleted += kept.parents_deleted;
        Ok(())
    }

    async fn reslice(&self, table: &Arc<Table>) -> Result<(), Trouble> {
        let (map, (_, turned)) = (table.partition_map(), in_order(table));
        let count = map.partitions.len() as u64;
        let from = self.chance(count);
        let to = (from + 1 + self.chance(3)).min(count);
        let chosen = &map.partitions[from as usize..to as usize];
        let (start, end) = (&chosen[0].range.start, &chosen[chosen.len() - 1].range.end);
        let boundary = |_| Bytes::from(text(turned, &name(self.chance(KEYS))));
        let mut boundaries: Vec<Bytes> = (0..self.chance(3)).map(boundary).collect();
        boundaries.sort();
        boundaries.dedup();
        boundaries.retain(|b| b > start && end.as_ref().is_none_or(|end| b < end));
        if chosen[1..].iter().map(|p| &p.range.start).eq(&boundaries) {
            return Ok(());
        }
        let sources: Vec<PartitionId> = chosen.iter().map(|partition| partition.id).collect();
        match table.reslice(Reslice { sources, boundaries }).await {
            Ok(done) => {
                self.report.lock().reslices += 1;
                let mut model = self.model.lock();
                let known = model.table(table.name());
                known.epoch = known.epoch.max(done.epoch);
                drop(model);
                check_tiles(table)
            }
            Err(error @ StorageError::Busy(_)) => Err(Trouble::Failed(error)),
            Err(error) => {
                self.report.lock().undone += 1;
                Err(Trouble::Failed(error))
            }
        }
    }

    pub(super) async fn make_and_drop(&self, storage: &Arc<Storage>) -> Result<(), Broken> {
        for n in 0..2 {
            self.rest(REST_MS_MAX).await;
            let name = format!("small{n}");
            let Some(table) = self.ensure_table(storage, &name).await? else {
                continue;
            };
            let done = self.write_one(&table, "a").await;
            self.after(done)?;
            self.rest(REST_MS_MAX).await;
            if self.chance(3) > 0 {
                let done = self.drop_table(storage, &name).await;
                self.after(done)?;
            }
        }
        Ok(())
    }

    pub(super) async fn drop_table(
        &self,
        storage: &Arc<Storage>,
        name: &str,
    ) -> Result<(), Trouble> {
        self.model.lock().table(name).change = Change::Dropping;
        storage.drop_table(name).await.map_err(Trouble::Failed)?;
        self.model.lock().forget(name);
        Ok(())
    }
}
