//! What can go wrong here: damaged stored bytes, and trace files that are not what they should be.
//!
//! Recording and collecting have no errors: what cannot be counted is dropped and counted as such.

use std::path::PathBuf;

/// Everything that this crate refuses.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// Stored bytes of another kind, another version, or damaged.
    #[error("stored {kind} cannot be used: {reason}; drop it, what it held is then unknown")]
    Stored {
        /// Which kind of record was expected.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },

    /// Stored bytes for a table that nobody announced, or that do not fit the table.
    #[error("stored {kind} does not fit table {table}: {reason}")]
    Mismatch {
        /// Which kind of record it is.
        kind: &'static str,
        /// The table it was given for.
        table: types::TableId,
        /// Why it does not fit.
        reason: String,
    },

    /// A trace or rates file that cannot be opened or read.
    #[error("{path}: {source}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A line of a trace or rates file that cannot be used.
    #[error("{path}, line {line}: {problem}; {advice}", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, the header being line 1.
        line: u64,
        /// What is wrong.
        problem: String,
        /// What to change.
        advice: &'static str,
    },
}
