//! The node log under SlateDB: every database of the store appends to one log.
//!
//! SlateDB lets its log be replaced through the traits of `slatedb::wal`; here they are put on top of
//! crate `nodelog`, which knows nothing of SlateDB:
//!
//! - [`rows`]: a write batch as bytes;
//! - [`session`]: what SlateDB is told about one writer's log;
//! - [`writer`]: opening, fencing, appending, replaying;
//! - [`keeper`]: letting the log forget what is in sorted files;
//! - [`faults`](mod@faults): the log's fault points.
//!
//! **One id for everything.** SlateDB numbers log files and, apart from that, writes. Here the number
//! of a batch's "log file" *is* its sequence number: both only grow, also through clones. So the
//! log may forget exactly what a replay would skip: all up to the `last_l0_seq` of the stored
//! manifest. Nothing is derived from the manifest in memory, which is ahead of what is stored.
//!
//! A database that has lived on the node log cannot be opened without it: its newest rows are not
//! under its path. The store's record says which log a store has
//! ([`StoreRecord`](crate::record::store::StoreRecord)), and a database that has log files of its
//! own is refused here.

use crate::blocking::Blocking;
use crate::directory::DataDirectory;
use crate::engine::{DATA, EngineClock, MANIFESTS};
use crate::error::{Result, StorageError};
use crate::settings::{Components, StorageSettings};
use futures::FutureExt;
use nodelog::{DatabaseName, Disk, LogMetrics, LogSettings, NodeLog, Start};
use object_store::path::Path;
use parking_lot::Mutex;
use slatedb::wal::WriterInit;
use slatedb::{DbStatus, WriteHandle};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

mod faults;
pub(crate) mod keeper;
mod rows;
mod session;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use rows::decode as decode_rows;
pub(crate) use writer::Facts;

/// Where the log's segments are, relative to the store's root.
pub(crate) const LOG: &str = "log";

/// In a simulation nobody waits to be told: in which order tokio tells several tasks is chance without a seed. They
/// look again every so often.
const LOOK: Duration = Duration::from_millis(1);

/// How many databases an error names.
const HOLDERS_NAMED: usize = 4;

/// The node log of an open store.
#[derive(Clone, Debug)]
pub(crate) struct NodeWal {
    log: NodeLog,
    /// Where the databases are, if that is a local directory.
    directory: Option<Arc<DataDirectory>>,
    blocking: Blocking,
    /// Whether a simulated disk is under it.
    simulated: bool,
    /// The log's task, if it has no thread.
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl NodeWal {
    /// Opens the log of a store, or makes one if the store is new.
    pub(crate) async fn open(
        store: &Arc<DataDirectory>,
        settings: &StorageSettings,
        components: &Components,
    ) -> Result<Self> {
        let (directory, ours, seed) = (store.clone(), settings.clone(), components.seed);
        let blocking = Blocking::of(store);
        let disk = blocking.run(move || open_disk(&directory, &ours)).await?;
        let hooks = faults::FaultHooks::new(components.faults.clone(), store.clone());
        let start = Start { disk, hooks: Arc::new(hooks), seed };
        let log_settings = log_settings(settings);
        let (log, task) = match &components.disk {
            None => {
                let opening = move || Ok(NodeLog::open(start, log_settings)?);
                (blocking.run(opening).await?, None)
            }
            Some(disk) => {
                let disk = disk.clone();
                let forcing = move || sleep(Duration::from_millis(disk.sync_ms()));
                let (log, task) = NodeLog::open_without_thread(start, log_settings, forcing)?;
                (log, Some(tokio::spawn(task)))
            }
        };
        let (directory, simulated) = (Some(store.clone()), task.is_some());
        Ok(Self { log, directory, blocking, simulated, task: Arc::new(Mutex::new(task)) })
    }

    /// For the opening of the database at `path`.
    pub(crate) fn writer(
        &self,
        path: &Path,
        clock: Arc<EngineClock>,
    ) -> Result<Box<dyn WriterInit>> {
        let (log, name, blocking) = (self.log.clone(), name(path)?, self.blocking);
        Ok(Box::new(writer::Init { log, name, blocking, clock }))
    }

    /// Says that the *stored* manifest of a database has all writes up to `seq` in sorted files. The
    /// caller knows that its name is on the disk, because it has written it.
    pub(crate) fn mark_stored(&self, path: &Path, seq: u64) {
        if let Ok(name) = name(path) {
            self.log.mark_stored(&name, seq);
        }
    }

    /// The same of a manifest that was merely read. It may have been named a moment ago by somebody who
    /// is still waiting for the directory: without that, a power cut could leave a log that has
    /// forgotten more than the manifest knows of, and the next start would refuse both.
    pub(crate) async fn mark_read(&self, path: &Path, seq: u64) -> Result<()> {
        if let Some(directory) = self.directory.clone() {
            let manifests = path.clone().join(MANIFESTS);
            self.blocking.run(move || directory.sync_directory(manifests.as_ref())).await?;
        }
        self.mark_stored(path, seq);
        Ok(())
    }

    /// Forgets a database for good. Its path is never used again.
    pub(crate) async fn drop_database(&self, path: &Path) -> Result<()> {
        Ok(self.log.drop_database(&name(path)?).await?)
    }

    /// The paths of the databases that the log knows.
    pub(crate) fn databases(&self) -> Vec<Path> {
        self.log.databases().iter().map(|name| Path::from(name.as_str())).collect()
    }

    /// Waits while the log is at its bound: until idle databases have been flushed, but not for ever.
    /// An error if it has failed. Whoever waits here may hold nothing that a flush, or the closing of
    /// anything, waits for.
    pub(crate) async fn room(&self, wait_ms_max: u64) -> Result<()> {
        if self.log.is_full() {
            let wait = Duration::from_millis(wait_ms_max);
            let room = match self.simulated {
                false => timeout(wait, self.log.room()).await.map(|room| room.map_err(Into::into)),
                true => timeout(wait, self.seen_room()).await,
            };
            room.map_err(|_| self.full(wait_ms_max))??;
        }
        self.check()
    }

    /// Whether writers have to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.log.is_full()
    }

    fn full(&self, wait_ms: u64) -> StorageError {
        let holders = self.log.status().borrow().holders.clone();
        let named: Vec<&str> =
            holders.iter().take(HOLDERS_NAMED).map(|name| name.as_str()).collect();
        let holders = match holders.len() - named.len() {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        };
        StorageError::LogFull { holders, wait_ms }
    }

    /// An error if the log has failed: from then on a version that is not durable may be in memory
    /// and stay there, so nothing may be derived from what is not known to be durable.
    pub(crate) fn check(&self) -> Result<()> {
        Ok(self.log.check()?)
    }

    /// What the log has counted, and how it is.
    pub(crate) fn metrics(&self) -> LogMetrics {
        self.log.metrics()
    }

    async fn seen_room(&self) -> Result<()> {
        while self.log.is_full() {
            self.check()?;
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until something of a database may have become durable. The caller looks.
    pub(crate) async fn progress(&self, status: &mut watch::Receiver<DbStatus>) -> Result<()> {
        match self.simulated {
            false => status.changed().await.map_err(|_| StorageError::Closed),
            true => {
                sleep(LOOK).await;
                Ok(())
            }
        }
    }

    async fn seen_durable(&self, write: &WriteHandle) -> Result<Result<(), slatedb::Error>> {
        loop {
            if let Some(durable) = write.await_durable().now_or_never() {
                return Ok(durable);
            }
            self.check()?;
            sleep(LOOK).await;
        }
    }

    /// Waits for a write to become durable, or for the log to fail.
    pub(crate) async fn durable(&self, write: &WriteHandle) -> Result<Result<(), slatedb::Error>> {
        if self.simulated {
            return self.seen_durable(write).await;
        }
        tokio::select! {
            biased;
            durable = write.await_durable() => Ok(durable),
            why = self.log.ended() => Err(why.into()),
        }
    }

    /// Commits what is waiting and ends the log's thread.
    pub(crate) async fn close(&self) {
        let log = self.log.clone();
        let closed = self.blocking.run(move || {
            log.close();
            Ok(())
        });
        let _ = closed.await;
        let task = self.task.lock().take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

/// The log's directory of a store.
fn open_disk(store: &DataDirectory, settings: &StorageSettings) -> Result<Arc<dyn Disk>> {
    let in_context = || StorageError::io(settings.directory.join(LOG).display().to_string());
    let had_data = store.exists(DATA);
    let disk = store.log_disk(LOG, settings).map_err(in_context())?;
    if had_data && !has_segments(&disk.list().map_err(in_context())?) {
        let reason = "the log of all databases is missing, and with it their newest writes";
        return Err(StorageError::Corrupt { path: LOG.to_owned(), reason: reason.to_owned() });
    }
    Ok(disk)
}

/// Whether there is a log among these files. One that was ever opened has a segment, always.
pub(crate) fn has_segments(files: &[String]) -> bool {
    files.iter().any(|file| file.ends_with(".log"))
}

fn name(path: &Path) -> Result<DatabaseName> {
    Ok(DatabaseName::new(path.as_ref())?)
}

/// Ours in the log's terms.
pub(crate) fn log_settings(ours: &StorageSettings) -> LogSettings {
    LogSettings {
        segment_bytes: ours.log_segment_bytes,
        release_bytes: ours.log_release_bytes,
        log_bytes_max: ours.log_bytes_max,
        ..LogSettings::default()
    }
}
