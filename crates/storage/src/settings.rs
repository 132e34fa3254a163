//! What an operator may set, and the parts that the caller brings along.
//!
//! Settings are plain data that can be read from a file; clocks and hooks are not and come as
//! [`Components`]. The defaults were measured on two cores and a local disk; docs/storage.md says
//! what each is a trade of.

use crate::error::{Result, StorageError};
use crate::faults::{Faults, NoFaults};
use crate::layer::Layer;
use crate::wal;
use nodelog::SimulatedDisk;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use types::Clock;

/// The settings of a [`Storage`](crate::Storage). Every field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageSettings {
    /// The data directory; created if it does not exist.
    pub directory: PathBuf,
    /// A bucket in the place of the directory: `s3://bucket/prefix`, `gs://…` or `az://…`.
    pub store: Option<String>,
    /// In a bucket, the shortest time between two flushes of a partition's log. Each is a request
    /// that costs money.
    pub bucket_flush_ms: u64,
    /// In a bucket, the shortest time between two polls of a partition, for the same reason.
    pub bucket_poll_ms: u64,
    /// Whether what is acknowledged is forced onto the disk. Without it, acknowledged writes survive
    /// the death of the process but not of the machine: for tests and data that may be lost.
    pub fsync: bool,
    /// Where the newest writes are kept until they are in sorted files. Fixed when a directory is
    /// made; a bucket always has [`LogKind::Engine`].
    pub log: LogKind,
    /// A segment of the node log that is larger is followed by a new one.
    pub log_segment_bytes: u64,
    /// When the node log is larger, partitions that hold its oldest segment are flushed. Bounds what
    /// a start has to read.
    pub log_release_bytes: u64,
    /// When the node log is larger all the same, writers wait.
    pub log_bytes_max: u64,
    /// A write that has waited for that longer than this fails.
    pub log_wait_ms_max: u64,
    /// Memory for cached blocks and indexes of all partitions together.
    pub cache_bytes: u64,
    /// Memory for single rows that are read often, of all partitions together; 0 for none.
    pub row_cache_bytes: u64,
    /// A partition's memtable is written to disk as a sorted file when it is this large.
    pub memtable_bytes: usize,
    /// Writers of a partition wait while it holds this many bytes that are not in sorted files.
    pub unflushed_bytes_max: usize,
    /// A partition's writers wait while it has this many unsorted files (L0) in all ...
    pub l0_files_max: usize,
    /// ... or this many that may hold one key.
    pub l0_files_per_key_max: usize,
    /// How often a partition looks for compaction work and for results of it.
    pub compaction_poll_ms: u64,
    /// How many compactions a partition runs at once.
    pub compactions_max: usize,
    /// How many compactions all partitions together run at once.
    pub compactions_process_max: usize,
    /// How long files that a compaction replaced stay readable for scans that still use them.
    /// A scan renews its view after half of it.
    pub scan_grace_ms: u64,
    /// How often a partition deletes files that are no longer referenced.
    pub garbage_poll_ms: u64,
    /// How long a file must have been unreferenced before it is deleted.
    pub garbage_age_ms: u64,
    /// A table with so many retired partitions that somebody still borrows from is not resliced before
    /// housekeeping has let go of some.
    pub retired_max: usize,
    /// A read that takes longer than this fails: the engine tries for ever.
    pub read_ms_max: u64,
    /// How many bytes a scan fetches ahead of its reader.
    pub scan_ahead_bytes: usize,
    /// A reslice that has not made the new partitions within this time, while requests go on, is given up.
    pub prepare_ms_max: u64,
    /// A cutover that holds writes for longer than this is undone.
    pub cutover_ms_max: u64,
    /// How much of what is written to a partition while its successors are made is kept in memory. From
    /// half of it on writers wait; a reslice during which more is written is undone.
    pub reslice_kept_bytes_max: u64,
    /// How many captured keys of a partition a rekey may still have to copy before writers wait.
    pub rekey_captured_max: u64,
    /// A write waits no longer than this for a reslice or a rekey that does not keep up.
    pub backlog_wait_ms_max: u64,
    /// How many bytes a second a rekey copies at the most, keys and values; 0 for as fast as it goes.
    pub rekey_bytes_per_s: u64,
    /// How much a rekey copies between two looks at what was written meanwhile.
    pub rekey_chunk_bytes: usize,
    /// How often a rekey writes down how far it is: what it has copied since is copied again after a
    /// restart.
    pub rekey_save_ms: u64,
    /// How long scans that began before a change of the key order are served in the old one.
    pub rekey_grace_ms: u64,
    /// How long an unknown outcome of a catalog write is asked for again before the table refuses
    /// writes.
    pub catalog_decide_ms_max: u64,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("foreshard-data"),
            store: None,
            bucket_flush_ms: 100,
            bucket_poll_ms: 60_000,
            fsync: true,
            log: LogKind::Node,
            log_segment_bytes: 32 << 20,
            log_release_bytes: 256 << 20,
            log_bytes_max: 512 << 20,
            log_wait_ms_max: 10_000,
            cache_bytes: 256 << 20,
            row_cache_bytes: 32 << 20,
            memtable_bytes: 32 << 20,
            unflushed_bytes_max: 128 << 20,
            l0_files_max: 32,
            l0_files_per_key_max: 16,
            compaction_poll_ms: 5_000,
            compactions_max: 1,
            compactions_process_max: 4,
            scan_grace_ms: 60_000,
            garbage_poll_ms: 10_000,
            garbage_age_ms: 30_000,
            retired_max: 128,
            read_ms_max: 10_000,
            scan_ahead_bytes: 64 << 10,
            prepare_ms_max: 60_000,
            cutover_ms_max: 5_000,
            reslice_kept_bytes_max: 64 << 20,
            rekey_captured_max: 100_000,
            backlog_wait_ms_max: 50,
            rekey_bytes_per_s: 16 << 20,
            rekey_chunk_bytes: 1 << 20,
            rekey_save_ms: 5_000,
            rekey_grace_ms: 900_000,
            catalog_decide_ms_max: 10_000,
        }
    }
}

/// The kinds of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// One for all partitions of the process, with common forced writes.
    Node,
    /// One per partition, the storage engine's own.
    Engine,
}

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Engine => "engine",
        })
    }
}

/// The smallest limit on unsorted files under which flushes and reslices get along.
const L0_FILES_MIN: usize = 8;

impl StorageSettings {
    /// Refuses what could not work.
    ///
    /// # Errors
    /// If a setting makes no sense, or if two contradict each other.
    pub fn check(&self) -> Result<()> {
        let refuse = |reason: String| Err(StorageError::Refused(format!("settings: {reason}")));
        if self.unflushed_bytes_max <= self.memtable_bytes {
            return refuse(format!(
                "unflushed_bytes_max ({}) must be greater than memtable_bytes ({})",
                self.unflushed_bytes_max, self.memtable_bytes
            ));
        }
        if self.l0_files_max.min(self.l0_files_per_key_max) < L0_FILES_MIN {
            return refuse(format!(
                "l0_files_max and l0_files_per_key_max: at least {L0_FILES_MIN}"
            ));
        }
        let polls =
            [self.compaction_poll_ms, self.garbage_poll_ms, self.cutover_ms_max, self.read_ms_max];
        let backlogs = [self.reslice_kept_bytes_max, self.rekey_captured_max];
        if backlogs.contains(&0) {
            return refuse(
                "reslice_kept_bytes_max and rekey_captured_max must not be 0".to_owned(),
            );
        }
        let compactions = [self.compactions_max, self.compactions_process_max];
        if polls.contains(&0) || compactions.contains(&0) {
            return refuse(
                "polls, bounds, compactions_max and compactions_process_max must not be 0"
                    .to_owned(),
            );
        }
        match wal::log_settings(self).check() {
            Err(error) if self.log_kind() == LogKind::Node => refuse(error.to_string()),
            _ => Ok(()),
        }
    }

    /// The log that the store has.
    pub(crate) fn log_kind(&self) -> LogKind {
        match self.store {
            Some(_) => LogKind::Engine,
            None => self.log,
        }
    }

    /// How often a partition may look for something, if it would like to every `poll_ms`.
    pub(crate) fn poll(&self, poll_ms: u64) -> Duration {
        Duration::from_millis(match self.store {
            Some(_) => poll_ms.max(self.bucket_poll_ms),
            None => poll_ms,
        })
    }

    /// The shortest time between two flushes of a partition's own log.
    pub(crate) fn flush_pause(&self) -> Duration {
        Duration::from_millis(if self.store.is_some() { self.bucket_flush_ms } else { 0 })
    }

    /// Where the store is, in words.
    pub fn location(&self) -> String {
        self.store.clone().unwrap_or_else(|| self.directory.display().to_string())
    }

    /// The defaults for a data directory.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), ..Self::default() }
    }
}

/// What a [`Storage`](crate::Storage) needs and cannot be written in a file.
#[derive(Clone, Debug)]
pub struct Components {
    /// Stamps tables and partitions; never used to measure.
    pub clock: Arc<dyn Clock>,
    /// Told of every step of a workflow.
    pub faults: Arc<dyn Faults>,
    /// From it come the nonces by which a catalog write recognises itself. Must differ from one
    /// start of the process to the next.
    pub seed: u64,
    /// Put over the files, or the bucket; not over the node log.
    pub layer: Option<Arc<dyn Layer>>,
    /// A disk in memory in the place of the data directory, for tests of power cuts. Then nothing is left
    /// to other threads, and all chance comes from the seed.
    pub disk: Option<Arc<SimulatedDisk>>,
    /// The time of the start by the wall clock, milliseconds since 1970, in the place of the machine's:
    /// files are stamped with it, and with what has passed since.
    pub started_ms: Option<i64>,
    /// Where databases do what no request waits for; `None`: where they are opened.
    pub background: Option<tokio::runtime::Handle>,
}

impl Components {
    /// A clock and a seed, and no faults.
    pub fn new(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self {
            clock,
            faults: Arc::new(NoFaults),
            seed,
            layer: None,
            disk: None,
            started_ms: None,
            background: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_fine_and_survive_a_file() {
        let settings = StorageSettings::at("/data");
        settings.check().unwrap();
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<StorageSettings>(&text).unwrap(), settings);
        let partial: StorageSettings = serde_json::from_str(r#"{"cache_bytes": 5}"#).unwrap();
        assert_eq!(partial, StorageSettings { cache_bytes: 5, ..StorageSettings::default() });
    }

    #[test]
    fn what_could_not_work_is_refused_by_name() {
        let default = StorageSettings::default();
        for (settings, name) in [
            (StorageSettings { unflushed_bytes_max: 1, ..default.clone() }, "unflushed_bytes_max"),
            (
                StorageSettings { l0_files_per_key_max: 2, ..default.clone() },
                "l0_files_per_key_max",
            ),
            (StorageSettings { compaction_poll_ms: 0, ..default.clone() }, "polls"),
            (StorageSettings { log_bytes_max: 5, ..default.clone() }, "log_bytes_max"),
        ] {
            let error = settings.check().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(serde_json::from_str::<StorageSettings>(r#"{"cache_byte": 5}"#).is_err());
    }
}
