//! A process: opens the store, compares it with the model, and does at random what clients and the
//! manager do, several at once.

use super::machine::{Cable, Machine};
use super::model::{Model, TableKnown, value};
use super::world::Report;
use bytes::Bytes;
use futures::future::{LocalBoxFuture, join_all};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use storage::{
    Components, Decision, Direction, NewTable, Reslice, Storage, StorageError, StorageSettings,
    Table,
};
use types::{KeyRange, PartitionId};

/// The table that is resliced.
const TABLE: &str = "orders";
const KEYS: u64 = 24;
const WRITERS: u64 = 3;
const READERS: u64 = 2;
const STEPS: u64 = 25;
const MANAGER_STEPS: u64 = 10;
const PAUSE_MS_MAX: u64 = 200;
/// Forcing a group of the log onto the disk takes this long at the most.
const SYNC_MS_MAX: u64 = 8;
/// How long the manager rests at the most: compactions and collections happen meanwhile.
const REST_MS_MAX: u64 = 1_500;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// By closing the store.
    Closed,
    /// It could not be opened, or not go on, because the disk had failed.
    Failed,
    Killed,
    /// Without power.
    Dark,
}

type Broken = String;

pub(crate) struct Life {
    pub(crate) machine: Arc<Machine>,
    pub(crate) model: Arc<Mutex<Model>>,
    pub(crate) report: Arc<Mutex<Report>>,
    /// Whether a failure is planned for this life.
    pub(crate) something_fails: bool,
}

/// Everything small, so that files, segments and compactions come and go.
fn settings() -> StorageSettings {
    StorageSettings {
        cache_bytes: 1 << 20,
        row_cache_bytes: 16 << 10,
        log_segment_bytes: 6 << 10,
        log_release_bytes: 16 << 10,
        log_bytes_max: 40 << 10,
        memtable_bytes: 4 << 10,
        unflushed_bytes_max: 64 << 10,
        compaction_poll_ms: 200,
        garbage_poll_ms: 300,
        garbage_age_ms: 500,
        scan_grace_ms: 1_000,
        ..StorageSettings::at("a simulated disk")
    }
}

fn key(n: u64) -> String {
    format!("{TABLE}/k{n:02}")
}

impl Life {
    /// Opens the store, compares, and closes it.
    pub(crate) async fn look(self) -> Result<Outcome, Broken> {
        match self.open().await? {
            None => Ok(Outcome::Failed),
            Some(storage) => self.close(&storage).await,
        }
    }

    async fn close(&self, storage: &Storage) -> Result<Outcome, Broken> {
        match storage.close().await {
            Ok(()) => Ok(Outcome::Closed),
            Err(error) => self.tolerate(&error).map(|()| Outcome::Failed),
        }
    }

    /// A whole life.
    pub(crate) async fn live(self) -> Result<Outcome, Broken> {
        let Some(storage) = self.open().await? else {
            return Ok(Outcome::Failed);
        };
        let Some(table) = self.ensure_table(&storage, TABLE).await? else {
            return Ok(Outcome::Failed);
        };
        let (storage, table) = (&storage, &table);
        let life = &self;
        let writers = (0..WRITERS).map(|n| life.write(table, n)).map(boxed);
        let readers = (0..READERS).map(|_| life.read(table)).map(boxed);
        let manager = [boxed(life.manage(storage, table)), boxed(life.make_and_drop(storage))];
        let all = writers.chain(readers).chain(manager);
        for done in join_all(all).await {
            done?;
        }
        self.close(storage).await
    }

    /// Opens the store and compares; `None` if the disk failed meanwhile.
    async fn open(&self) -> Result<Option<Arc<Storage>>, Broken> {
        let started_ms = self.machine.start();
        self.machine.disk.set_sync_ms_max(SYNC_MS_MAX);
        let components = Components {
            faults: self.machine.clone(),
            layer: Some(Arc::new(Cable(self.machine.clone()))),
            disk: Some(self.machine.disk.clone()),
            started_ms: Some(started_ms),
            ..Components::new(self.machine.clone(), self.machine.chance.below(u64::MAX))
        };
        let storage = match Storage::open(settings(), components).await {
            Ok(storage) => storage,
            Err(error) => {
                self.tolerate(&error).map_err(|error| format!("cannot be opened: {error}"))?;
                return Ok(None);
            }
        };
        match self.compare(&storage).await {
            Ok(()) => Ok(Some(storage)),
            Err(Trouble::Broken(broken)) => Err(broken),
            Err(Trouble::Failed(error)) => self.tolerate(&error).map(|()| None),
        }
    }

    /// Everything that was said is there, and what is there is true from now on.
    async fn compare(&self, storage: &Arc<Storage>) -> Result<(), Trouble> {
        let known: Vec<(String, TableKnown)> =
            self.model.lock().tables.iter().map(|(name, known)| (name.clone(), *known)).collect();
        for (name, known) in known {
            let table = storage.table(&name);
            if !known.unsure && table.is_some() != known.exists {
                return Err(broken(format!("table {name}: {known:?}, found {table:?}")));
            }
            let Some(table) = table else {
                self.model.lock().forget(&name);
                continue;
            };
            let map = table.partition_map();
            if map.epoch < known.epoch {
                return Err(broken(format!(
                    "the map of {name} has epoch {}: {known:?}",
                    map.epoch
                )));
            }
            check_tiles(&table)?;
            let found = TableKnown { unsure: false, exists: true, epoch: map.epoch };
            self.model.lock().tables.insert(name.clone(), found);
            let keys = self.model.lock().keys(&name);
            for key in keys {
                self.get(&table, &key).await?;
            }
            for direction in [Direction::Forward, Direction::Backward] {
                self.scan(&table, direction).await?;
            }
        }
        self.model.lock().settle();
        Ok(())
    }

    async fn ensure_table(
        &self,
        storage: &Arc<Storage>,
        name: &str,
    ) -> Result<Option<Arc<Table>>, Broken> {
        if let Some(table) = storage.table(name) {
            return Ok(Some(table));
        }
        self.model.lock().tables.entry(name.to_owned()).or_default().unsure = true;
        let new = NewTable {
            name: name.to_owned(),
            definition: serde_json::Value::Null,
            boundaries: vec![Bytes::from(key(KEYS / 2))],
        };
        match storage.create_table(new).await {
            Ok(table) => {
                let epoch = table.partition_map().epoch;
                let made = TableKnown { unsure: false, exists: true, epoch };
                self.model.lock().tables.insert(name.to_owned(), made);
                Ok(Some(table))
            }
            Err(error) => self.tolerate(&error).map(|()| None),
        }
    }

    /// Errors that a failing disk may bring about, and those that nothing may.
    fn tolerate(&self, error: &StorageError) -> Result<(), Broken> {
        match error {
            // Somebody was too busy, or the time was too short.
            StorageError::TooSlow { .. } | StorageError::LogFull { .. } => Ok(()),
            error if !self.something_fails => Err(format!("nothing fails, but: {error}")),
            StorageError::Corrupt { .. }
            | StorageError::Invariant { .. }
            | StorageError::Fenced(_)
            | StorageError::Conflict(_)
            | StorageError::TakenOver(_)
            | StorageError::Log(
                nodelog::LogError::Damaged { .. }
                | nodelog::LogError::Lost { .. }
                | nodelog::LogError::Refused(_)
                | nodelog::LogError::Fenced(_),
            ) => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    fn chance(&self, n: u64) -> u64 {
        self.machine.chance.below(n)
    }

    /// A number below `n`; small ones often, so that clients meet.
    fn any(&self, n: u64) -> u64 {
        let hot = self.machine.chance.percent(50);
        self.chance(if hot { n.div_ceil(8) } else { n })
    }

    /// Clients come in bursts.
    async fn pause(&self) {
        let bursts = self.machine.chance.percent(70);
        self.rest(if bursts { 5 } else { PAUSE_MS_MAX * 3 }).await;
    }

    async fn rest(&self, ms_max: u64) {
        tokio::time::sleep(Duration::from_millis(self.chance(ms_max))).await;
    }

    /// Goes on after an error that may be, unless nothing can be done any more.
    fn after(&self, result: Result<(), Trouble>) -> Result<(), Broken> {
        match result {
            Ok(()) => Ok(()),
            Err(Trouble::Broken(broken)) => Err(broken),
            Err(Trouble::Failed(error)) => self.tolerate(&error),
        }
    }

    /// Writes the keys that are this writer's.
    async fn write(&self, table: &Arc<Table>, writer: u64) -> Result<(), Broken> {
        for _ in 0..STEPS {
            self.pause().await;
            let key = key(self.any(KEYS / WRITERS) * WRITERS + writer);
            let done = self.write_one(table, &key).await;
            self.after(done)?;
        }
        Ok(())
    }

    async fn write_one(&self, table: &Arc<Table>, key: &str) -> Result<(), Trouble> {
        let before = self.model.lock().known(key);
        let n = self.model.lock().hand(key);
        let new = value(key, n);
        let judged = table
            .read_modify_write(key.as_bytes(), |old| {
                let judged = old.cloned();
                match new {
                    Some(new) => Decision::Put(new, judged),
                    None => Decision::Delete(judged),
                }
            })
            .await
            .map_err(Trouble::Failed)?;
        let may_be = [value(key, before.sure), value(key, before.handed)];
        if !may_be.contains(&judged) {
            return Err(broken(format!(
                "{key}: {before:?}, but the writer was shown {judged:.60?}"
            )));
        }
        self.model.lock().acknowledge(key, n);
        self.report.lock().acknowledged += 1;
        Ok(())
    }

    async fn read(&self, table: &Arc<Table>) -> Result<(), Broken> {
        for _ in 0..STEPS {
            self.pause().await;
            let key = key(self.any(KEYS));
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

    async fn get(&self, table: &Arc<Table>, key: &str) -> Result<(), Trouble> {
        let since = self.model.lock().known(key).sure;
        let found = table.get(key.as_bytes()).await.map_err(Trouble::Failed)?;
        self.report.lock().reads += 1;
        self.model.lock().shown(key, since, found.as_ref()).map_err(broken)
    }

    /// A conditional write that changes nothing shows the newest version.
    async fn fail_condition(&self, table: &Arc<Table>, key: &str) -> Result<(), Trouble> {
        let since = self.model.lock().known(key).sure;
        let keep = |old: Option<&Bytes>| Decision::Keep(old.cloned());
        let found = table.read_modify_write(key.as_bytes(), keep).await.map_err(Trouble::Failed)?;
        self.report.lock().reads += 1;
        self.model.lock().shown(key, since, found.as_ref()).map_err(broken)
    }

    async fn scan(&self, table: &Arc<Table>, direction: Direction) -> Result<(), Trouble> {
        let since: BTreeMap<String, u64> = {
            let model = self.model.lock();
            let keys = model.keys(table.name());
            keys.into_iter().map(|key| (key.clone(), model.known(&key).sure)).collect()
        };
        let mut found = BTreeMap::new();
        let mut last: Option<Bytes> = None;
        let mut scan = table.scan(KeyRange::full(), direction);
        while let Some((key, value)) = scan.next().await.map_err(Trouble::Failed)? {
            let in_order = last.as_ref().is_none_or(|last| match direction {
                Direction::Forward => *last < key,
                Direction::Backward => *last > key,
            });
            if !in_order {
                return Err(broken(format!("a scan shows {key:?} after {last:?}")));
            }
            found.insert(String::from_utf8_lossy(&key).into_owned(), value);
            last = Some(key);
        }
        self.report.lock().reads += 1;
        let mut model = self.model.lock();
        for (key, since) in &since {
            model.shown(key, *since, found.get(key)).map_err(broken)?;
        }
        match found.keys().find(|key| model.known(key).handed == 0) {
            Some(stranger) => Err(broken(format!("nobody wrote {stranger}"))),
            None => Ok(()),
        }
    }

    /// Splits, merges and shifts boundaries, and keeps house.
    async fn manage(&self, storage: &Arc<Storage>, table: &Arc<Table>) -> Result<(), Broken> {
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
        let map = table.partition_map();
        let count = map.partitions.len() as u64;
        let from = self.chance(count);
        let to = (from + 1 + self.chance(3)).min(count);
        let chosen = &map.partitions[from as usize..to as usize];
        let (start, end) = (&chosen[0].range.start, &chosen[chosen.len() - 1].range.end);
        let mut boundaries: Vec<Bytes> =
            (0..self.chance(3)).map(|_| Bytes::from(key(self.chance(KEYS)))).collect();
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
                let known = model.tables.entry(table.name().to_owned()).or_default();
                known.epoch = known.epoch.max(done.epoch);
                drop(model);
                check_tiles(table)
            }
            Err(error) => {
                self.report.lock().undone += 1;
                Err(Trouble::Failed(error))
            }
        }
    }

    /// Small tables that come and go, and blobs.
    async fn make_and_drop(&self, storage: &Arc<Storage>) -> Result<(), Broken> {
        for n in 0..2 {
            self.rest(REST_MS_MAX).await;
            let name = format!("small{n}");
            let Some(table) = self.ensure_table(storage, &name).await? else {
                continue;
            };
            let key = format!("{name}/a");
            let done = self.write_one(&table, &key).await;
            self.after(done)?;
            self.rest(REST_MS_MAX).await;
            if self.chance(3) == 0 {
                continue;
            }
            self.model.lock().tables.entry(name.clone()).or_default().unsure = true;
            match storage.drop_table(&name).await {
                Ok(()) => {
                    self.model.lock().forget(&name);
                    self.model.lock().tables.insert(name, TableKnown::default());
                }
                Err(error) => self.tolerate(&error)?,
            }
        }
        Ok(())
    }
}

/// Why something did not go well.
enum Trouble {
    Broken(Broken),
    Failed(StorageError),
}

fn broken(what: String) -> Trouble {
    Trouble::Broken(what)
}

fn boxed<'a, F>(future: F) -> LocalBoxFuture<'a, Result<(), Broken>>
where
    F: Future<Output = Result<(), Broken>> + 'a,
{
    Box::pin(future)
}

fn check_tiles(table: &Table) -> Result<(), Trouble> {
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
