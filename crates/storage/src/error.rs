//! Everything that can go wrong in this crate, as one enum.
//!
//! The variants are made for the caller's decision (retry, refuse, stop), not for the place where
//! the error arose; that is in the text. They become DynamoDB errors only in crate `dynamodb`.

use crate::faults::FaultPoint;
use std::path::PathBuf;
use types::{BackupId, PartitionId};

/// What this crate's functions return.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// The one error type of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The table does not exist, or was dropped while the call was under way.
    #[error("table {0} does not exist")]
    NoSuchTable(String),
    /// A table of this name exists already.
    #[error("table {0} exists already")]
    TableExists(String),
    /// The backup does not exist, or was deleted.
    #[error("backup {0} does not exist")]
    NoSuchBackup(BackupId),
    /// The backup is being made, deleted, or restored from.
    #[error("backup {0} is in use: it is being made, deleted, or restored from")]
    BackupInUse(BackupId),
    /// The input is not acceptable; the text says what to change.
    #[error("{0}")]
    Refused(String),
    /// The table is being resliced or dropped; try again when that is done.
    #[error("table {0} is being changed by another workflow; try again when it has finished")]
    Busy(String),
    /// Another process has the data directory open.
    #[error("{} is in use by another process: stop it, or choose another directory", .0.display())]
    Locked(PathBuf),
    /// Another writer took a partition over; this process must not serve it any more.
    #[error("partition {0} was taken over by another writer")]
    Fenced(PartitionId),
    /// Somebody else changed a catalog object between our reading and our writing it.
    #[error("{0} was changed by another writer")]
    Conflict(String),
    /// Another process has opened the same bucket and has it now. This process must be stopped: it
    /// changes nothing there any more.
    #[error("{0} was taken over by another process: stop this one")]
    TakenOver(String),
    /// The table's key order has changed since the caller made its keys: make them anew and try again.
    #[error("the key order of table {0} has changed: make the keys anew")]
    Rekeyed(String),
    /// A rekey was cancelled and undone.
    #[error("the rekey of table {0} was cancelled and undone")]
    Cancelled(String),
    /// A part of a reslice, or of a backup, did not finish within its bound; it was undone.
    #[error("the {step} took longer than {bound_ms} ms; what was begun was undone")]
    TooSlow {
        /// `preparation`, `beginning`, `cutover` or `cut of the backup`.
        step: &'static str,
        /// The bound, from [`StorageSettings`](crate::StorageSettings).
        bound_ms: u64,
    },
    /// More was written to a partition than there is room for while its successors were made; the reslice
    /// was undone.
    #[error(
        "more than {bytes_max} bytes (reslice_kept_bytes_max) were written to partition {id} while its \
         successors were made; the reslice was undone: try again when less is written"
    )]
    Overrun {
        /// The partition.
        id: PartitionId,
        /// The bound, from [`StorageSettings`](crate::StorageSettings).
        bytes_max: u64,
    },
    /// It could not be found out whether a catalog write took place. The table refuses writes
    /// until the store is opened again, which decides it.
    #[error("the outcome of writing {0} is unknown; writes are refused until a restart decides it")]
    Undecided(String),
    /// A read did not come back in time: the files cannot be read, or the disk or the bucket does not
    /// answer. It may be tried again.
    #[error("reading partition {id} took longer than {bound_ms} ms; the service's log says why")]
    Unreadable {
        /// The partition.
        id: PartitionId,
        /// The bound, from [`StorageSettings`](crate::StorageSettings).
        bound_ms: u64,
    },
    /// A file operation failed.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, with the path.
        context: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// An object-store operation failed.
    #[error("{context}: {source}")]
    Store {
        /// What was being done, with the path.
        context: String,
        /// The object store's answer.
        source: object_store::Error,
    },
    /// The storage engine failed.
    #[error("{context}: {source}")]
    Engine {
        /// What was being done, with the partition.
        context: String,
        /// The engine's answer.
        source: Box<slatedb::Error>,
    },
    /// The node log failed, or is not what was written.
    #[error(transparent)]
    Log(#[from] nodelog::LogError),
    /// The node log was at its bound for too long. Nothing was written; try again when the partitions
    /// that hold its oldest segment could be flushed.
    #[error(
        "the log is full, and was for {wait_ms} ms: {holders} must be flushed first, and cannot be \
         or not fast enough; the service's log says why"
    )]
    LogFull {
        /// The paths of the databases whose rows are in the oldest segment.
        holders: String,
        /// How long the write has waited.
        wait_ms: u64,
    },
    /// A persisted object is not what we wrote.
    #[error("{path} is damaged: {reason}")]
    Corrupt {
        /// The object, relative to the data directory.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An invariant of the catalog would have been broken; nothing was written.
    #[error("refusing to write {object}: {reason}")]
    Invariant {
        /// The catalog object.
        object: String,
        /// The invariant and how it is broken.
        reason: String,
    },
    /// A fault that a test asked for.
    #[error("injected fault at {0}")]
    Injected(FaultPoint),
    /// A workflow's task ended before its work.
    #[error("a workflow was interrupted: {0}")]
    Interrupted(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StorageError {
    /// For `map_err` on file operations.
    pub(crate) fn io(context: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let context = context.into();
        move |source| Self::Io { context, source }
    }

    /// For `map_err` on object-store operations.
    pub(crate) fn store(context: impl Into<String>) -> impl FnOnce(object_store::Error) -> Self {
        let context = context.into();
        move |source| Self::Store { context, source }
    }

    /// For `map_err` on engine operations.
    pub(crate) fn engine(context: impl Into<String>) -> impl FnOnce(slatedb::Error) -> Self {
        let context = context.into();
        move |source| Self::Engine { context, source: Box::new(source) }
    }

    /// For `map_err` on operations of one partition: tells a takeover from other failures.
    pub(crate) fn partition(id: PartitionId) -> impl FnOnce(slatedb::Error) -> Self {
        move |source| match source.kind() {
            slatedb::ErrorKind::Closed(slatedb::CloseReason::Fenced) => Self::Fenced(id),
            slatedb::ErrorKind::Closed(slatedb::CloseReason::Clean) => Self::Closed,
            _ => Self::Engine { context: format!("partition {id}"), source: Box::new(source) },
        }
    }
}
