//! Everything that can go wrong in this crate, as one enum.
//!
//! It can be cloned: one failure of the disk is told to every database of the process.

use crate::name::DatabaseName;
use std::any::Any;
use std::io;
use std::sync::Arc;

/// What this crate's functions return.
pub type Result<T, E = LogError> = std::result::Result<T, E>;

/// The one error type of this crate.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A file operation failed. If it was part of a commit, nothing is written any more: what the
    /// disk has kept of it is unknown until a restart has read it.
    #[error("log file {file}: {action} failed: {source}")]
    Io {
        /// The file, or the directory.
        file: String,
        /// What was being done.
        action: &'static str,
        /// The operating system's answer.
        source: Arc<io::Error>,
    },
    /// A segment is not what was written, and not merely an unfinished write: acknowledged rows
    /// may be lost. Never repaired silently.
    #[error("log file {file} is damaged at offset {offset}: {reason}")]
    Damaged {
        /// The segment.
        file: String,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// Rows of a database that are nowhere else are not in the log.
    #[error("rows of {database} are missing from the log: {reason}")]
    Lost {
        /// Whose rows.
        database: DatabaseName,
        /// Which, and how that is known.
        reason: String,
    },
    /// The log's thread panicked, here or in what it told somebody. What it had in hand may be
    /// written or not.
    #[error("the log's thread panicked: {0}")]
    Panicked(String),
    /// The log failed before; it takes no more writes until a restart.
    #[error("the log takes no more writes until a restart, because of: {0}")]
    Failed(Arc<LogError>),
    /// A newer writer has taken the database over.
    #[error("a newer writer has taken over {0}")]
    Fenced(DatabaseName),
    /// The call is not acceptable; the text says why.
    #[error("{0}")]
    Refused(String),
    /// The log, or this writer, was closed.
    #[error("the log is closed")]
    Closed,
}

impl LogError {
    /// For `map_err` on file operations.
    pub(crate) fn io(file: &str, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { file, action, source: Arc::new(source) }
    }

    /// What a panic said.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Panicked(text.unwrap_or_else(|| "it did not say why".to_owned()))
    }

    pub(crate) fn damaged(file: &str, offset: u64, reason: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), offset, reason: reason.into() }
    }
}
