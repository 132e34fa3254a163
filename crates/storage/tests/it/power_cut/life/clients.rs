//! Clients: they write keys of their own, and read those of everybody. When a table's keys get another order,
//! they make their keys anew.

use super::super::model::value;
use super::{Broken, KEYS, Life, STEPS, Trouble, WRITERS, broken, in_order, name};
use crate::rekey::orders::text;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{Decision, Direction, StorageError, Table};
use types::KeyRange;

impl Life {
    /// Writes the keys that are this writer's.
    pub(super) async fn write(&self, table: &Arc<Table>, writer: u64) -> Result<(), Broken> {
        for _ in 0..STEPS {
            self.pause().await;
            let key = name(self.any(KEYS / WRITERS) * WRITERS + writer);
            let done = self.write_one(table, &key).await;
            self.after(done)?;
        }
        Ok(())
    }

    pub(super) async fn write_one(&self, table: &Arc<Table>, key: &str) -> Result<(), Trouble> {
        let (place, number) = self.model.lock().hand(table.name(), key);
        let may_be = self.model.lock().known(table.name(), key).may_be(key);
        let decide = |old: Option<&Bytes>| match value(key, number) {
            Some(new) => Decision::Put(new, old.cloned()),
            None => Decision::Delete(old.cloned()),
        };
        let judged = modify(table, key, decide).await.map_err(Trouble::Failed)?;
        if !may_be.contains(&judged) {
            let known = self.model.lock().known(table.name(), key);
            let shown = format!("{known:?}, but the writer was shown {judged:.60?}");
            return Err(broken(format!("{key} of {}: {shown}", table.name())));
        }
        self.model.lock().acknowledge(table.name(), key, place);
        self.report.lock().acknowledged += 1;
        Ok(())
    }

    pub(super) async fn read(&self, table: &Arc<Table>) -> Result<(), Broken> {
        for _ in 0..STEPS {
            self.pause().await;
            let key = name(self.any(KEYS));
            let done = match self.chance(8) {
                0 => self.scan(table, Direction::Forward).await,
                1 => self.scan(table, Direction::Backward).await,
                2 | 3 => self.fail_condition(table, &key).await,
                _ => self.get(table, &key).await,
            };
            self.after(done)?;
        }
        Ok(())
    }

    pub(super) async fn get(&self, table: &Arc<Table>, key: &str) -> Result<(), Trouble> {
        let since = self.model.lock().known(table.name(), key).sure();
        let found = loop {
            let (ordered, turned) = in_order(table);
            match ordered.get(text(turned, key).as_bytes()).await {
                Err(StorageError::Rekeyed(_)) => {}
                found => break found.map_err(Trouble::Failed)?,
            }
        };
        self.shown(table, key, since, found.as_ref())
    }

    /// A conditional write that changes nothing shows the newest version.
    async fn fail_condition(&self, table: &Arc<Table>, key: &str) -> Result<(), Trouble> {
        let since = self.model.lock().known(table.name(), key).sure();
        let keep = |old: Option<&Bytes>| Decision::Keep(old.cloned());
        let found = modify(table, key, keep).await.map_err(Trouble::Failed)?;
        self.shown(table, key, since, found.as_ref())
    }

    fn shown(
        &self,
        table: &Arc<Table>,
        key: &str,
        since: usize,
        found: Option<&Bytes>,
    ) -> Result<(), Trouble> {
        self.report.lock().reads += 1;
        self.model.lock().shown(table.name(), key, since, found).map_err(broken)
    }

    pub(super) async fn scan(
        &self,
        table: &Arc<Table>,
        direction: Direction,
    ) -> Result<(), Trouble> {
        let since = self.model.lock().sure(table.name());
        let found = self.scan_rows(table, direction).await?;
        self.report.lock().reads += 1;
        let mut model = self.model.lock();
        for (key, since) in &since {
            model.shown(table.name(), key, *since, found.get(key)).map_err(broken)?;
        }
        let known = &model.table(table.name()).keys;
        match found.keys().find(|key| !known.contains_key(*key)) {
            Some(stranger) => Err(broken(format!("nobody wrote {stranger}"))),
            None => Ok(()),
        }
    }

    /// All rows of a table that nobody writes, by name; the same from both ends.
    pub(super) async fn rows(
        &self,
        table: &Arc<Table>,
    ) -> Result<BTreeMap<String, Bytes>, Trouble> {
        let forward = self.scan_rows(table, Direction::Forward).await?;
        match self.scan_rows(table, Direction::Backward).await? == forward {
            true => Ok(forward),
            false => Err(broken(format!("{table:?} is not the same from both ends"))),
        }
    }

    async fn scan_rows(
        &self,
        table: &Arc<Table>,
        direction: Direction,
    ) -> Result<BTreeMap<String, Bytes>, Trouble> {
        let (ordered, turned) = in_order(table);
        let mut found = BTreeMap::new();
        let mut last: Option<Bytes> = None;
        let mut scan = ordered.scan(KeyRange::full(), direction);
        while let Some((key, value)) = scan.next().await.map_err(Trouble::Failed)? {
            let is_next = last.as_ref().is_none_or(|last| match direction {
                Direction::Forward => *last < key,
                Direction::Backward => *last > key,
            });
            if !is_next {
                return Err(broken(format!("a scan shows {key:?} after {last:?}")));
            }
            found.insert(text(turned, &String::from_utf8_lossy(&key)), value);
            last = Some(key);
        }
        Ok(found)
    }
}

/// Decides on the value of a key, whatever the order of the keys is by then.
async fn modify<R: Send>(
    table: &Arc<Table>,
    key: &str,
    decide: impl Fn(Option<&Bytes>) -> Decision<R> + Send + Sync,
) -> Result<R, StorageError> {
    loop {
        let (ordered, turned) = in_order(table);
        match ordered.read_modify_write(text(turned, key).as_bytes(), &decide).await {
            Err(StorageError::Rekeyed(_)) => {}
            done => return done,
        }
    }
}
