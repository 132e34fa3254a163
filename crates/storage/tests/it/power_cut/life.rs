//! A process: opens the store, compares it with the model, and does at random what clients and the
//! manager do, several at once.

use super::machine::{Cable, Machine};
use super::model::Model;
use super::world::Report;
use futures::future::{LocalBoxFuture, join_all};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use storage::{Components, InOrder, Storage, StorageError, StorageSettings, Table};
use types::BackupId;

mod archive;
mod clients;
mod compare;
mod manager;
mod notes;
mod rekeys;

/// The table that is resliced, rekeyed and backed up.
const TABLE: &str = "orders";
const KEYS: u64 = 24;
const WRITERS: u64 = 3;
const READERS: u64 = 2;
const STEPS: u64 = 25;
const PAUSE_MS_MAX: u64 = 200;
/// Forcing a group of the log onto the disk takes this long at the most.
const SYNC_MS_MAX: u64 = 8;
/// How long the manager rests at the most: compactions and collections happen meanwhile.
const REST_MS_MAX: u64 = 1_200;

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

/// Why something did not go well.
enum Trouble {
    Broken(Broken),
    Failed(StorageError),
}

/// Everything small, so that files, segments and compactions come and go. What caches forget, and when, goes by the
/// machine's clock: so there is none for blocks, and room for all rows.
fn settings() -> StorageSettings {
    StorageSettings {
        cache_bytes: 0,
        row_cache_bytes: 64 << 20,
        log_segment_bytes: 6 << 10,
        log_release_bytes: 16 << 10,
        log_bytes_max: 40 << 10,
        memtable_bytes: 4 << 10,
        unflushed_bytes_max: 64 << 10,
        compaction_poll_ms: 200,
        garbage_poll_ms: 300,
        garbage_age_ms: 500,
        scan_grace_ms: 1_000,
        rekey_bytes_per_s: 0,
        rekey_chunk_bytes: 1 << 10,
        rekey_save_ms: 30,
        rekey_grace_ms: 200,
        rekey_captured_max: 8,
        ..StorageSettings::at("a simulated disk")
    }
}

/// The name of a key; what it is stored under depends on the order of the table's keys.
fn name(n: u64) -> String {
    format!("k{n:02}")
}

/// A table in the key order of the moment, and which order that is: a restored table begins in that of its
/// backup, so it is the definition that says so.
fn in_order(table: &Arc<Table>) -> (InOrder, u64) {
    let defined = table.defined();
    let turned = defined.definition["orders"].as_u64().unwrap_or(0);
    (table.in_order(defined.order), turned)
}

impl Life {
    /// Opens the store, compares, looks what the backups have, and closes it.
    pub(crate) async fn look(self) -> Result<Outcome, Broken> {
        match self.open().await? {
            None => Ok(Outcome::Failed),
            Some(storage) => {
                self.prove_backups(&storage).await?;
                self.model.lock().ids = storage.tables().iter().map(|table| table.id()).collect();
                self.close(&storage).await
            }
        }
    }

    /// Opens the store, and deletes all that it has.
    pub(crate) async fn clear(self) -> Result<Outcome, Broken> {
        match self.open().await? {
            None => Ok(Outcome::Failed),
            Some(storage) => {
                self.delete_all(&storage).await.map_err(|error| error.to_string())?;
                self.close(&storage).await
            }
        }
    }

    async fn delete_all(&self, storage: &Arc<Storage>) -> storage::Result<()> {
        let backups: Vec<BackupId> = storage.backups().iter().map(|backup| backup.id).collect();
        let tables: Vec<String> = storage.tables().iter().map(|t| t.name().to_owned()).collect();
        let (first, last) = backups.split_at(backups.len() / 2);
        for backup in first {
            storage.delete_backup(*backup).await?;
        }
        for table in &tables {
            storage.drop_table(table).await?;
        }
        for backup in last {
            storage.delete_backup(*backup).await?;
        }
        for blob in storage.blobs().list("").await? {
            storage.blobs().delete(&blob).await?;
        }
        Ok(())
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
        let others = [
            boxed(life.manage(storage, table)),
            boxed(life.make_and_drop(storage)),
            boxed(life.rekey(table)),
            boxed(life.archive(storage)),
            boxed(life.note(storage)),
        ];
        for done in join_all(writers.chain(readers).chain(others)).await {
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

    /// Errors that a failing disk may bring about, and those that nothing may.
    fn tolerate(&self, error: &StorageError) -> Result<(), Broken> {
        match error {
            // Somebody was too busy, or the time was too short.
            StorageError::TooSlow { .. }
            | StorageError::LogFull { .. }
            | StorageError::Busy(_)
            | StorageError::Rekeyed(_) => Ok(()),
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
