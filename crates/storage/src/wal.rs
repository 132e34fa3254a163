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

use crate::directory::DataDirectory;
use crate::engine::DATA;
use crate::error::{Result, StorageError};
use crate::settings::{Components, StorageSettings};
use nodelog::{DatabaseName, Files, LogMetrics, LogSettings, NodeLog, Start, Sync};
use object_store::path::Path;
use slatedb::WriteHandle;
use slatedb::wal::WriterInit;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;
use tokio::runtime::Handle;

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

/// The node log of an open store.
#[derive(Clone, Debug)]
pub(crate) struct NodeWal {
    log: NodeLog,
}

impl NodeWal {
    /// Opens the log of a store, or makes one if the store is new. Blocks.
    pub(crate) fn open(
        store: Arc<DataDirectory>,
        settings: &StorageSettings,
        components: &Components,
        runtime: Handle,
    ) -> Result<Self> {
        let directory = settings.directory.join(LOG);
        let in_context = || StorageError::io(directory.display().to_string());
        if settings.directory.join(DATA).exists()
            && !has_segments(&directory).map_err(in_context())?
        {
            let reason = "the log of all databases is missing, and with it their newest writes";
            return Err(StorageError::Corrupt { path: LOG.to_owned(), reason: reason.to_owned() });
        }
        let sync = if settings.fsync { Sync::Forced } else { Sync::Skipped };
        let disk = Files::open(&directory, sync);
        let disk = disk.map_err(in_context())?;
        let hooks = faults::FaultHooks::new(components.faults.clone(), runtime, store);
        let start = Start { disk: Arc::new(disk), hooks: Arc::new(hooks), seed: components.seed };
        Ok(Self { log: NodeLog::open(start, log_settings(settings))? })
    }

    /// For the opening of the database at `path`.
    pub(crate) fn writer(&self, path: &Path) -> Result<Box<dyn WriterInit>> {
        Ok(Box::new(writer::Init::new(self.log.clone(), name(path)?)))
    }

    /// Says that the *stored* manifest of a database has all writes up to `seq` in sorted files.
    pub(crate) fn mark_stored(&self, path: &Path, seq: u64) {
        if let Ok(name) = name(path) {
            self.log.mark_stored(&name, seq);
        }
    }

    /// Forgets a database for good. Its path is never used again.
    pub(crate) async fn drop_database(&self, path: &Path) -> Result<()> {
        Ok(self.log.drop_database(&name(path)?).await?)
    }

    /// The paths of the databases that the log knows.
    pub(crate) fn databases(&self) -> Vec<Path> {
        self.log.databases().iter().map(|name| Path::from(name.as_str())).collect()
    }

    /// Waits while the log is at its bound: until idle databases have been flushed. An error if it
    /// has failed.
    pub(crate) async fn room(&self) -> Result<()> {
        self.log.room().await?;
        self.check()
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

    /// Waits for a write to become durable, or for the log to fail.
    pub(crate) async fn durable(&self, write: &WriteHandle) -> Result<Result<(), slatedb::Error>> {
        tokio::select! {
            biased;
            durable = write.await_durable() => Ok(durable),
            why = self.log.ended() => Err(why.into()),
        }
    }

    /// Commits what is waiting and ends the log's thread.
    pub(crate) async fn close(&self) {
        let log = self.log.clone();
        let _ = tokio::task::spawn_blocking(move || log.close()).await;
    }
}

/// Whether there is a log. One that was ever opened has a segment, always.
pub(crate) fn has_segments(directory: &FilePath) -> io::Result<bool> {
    if !directory.exists() {
        return Ok(false);
    }
    for entry in std::fs::read_dir(directory)? {
        if entry?.path().extension().is_some_and(|extension| extension == "log") {
            return Ok(true);
        }
    }
    Ok(false)
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
