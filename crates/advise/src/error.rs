//! What can go wrong: only what was given.

use std::path::PathBuf;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum AdviseError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is not what it was said to be.
    #[error("{}: {problem}", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to change.
        problem: String,
    },
    /// A trace cannot be read.
    #[error(transparent)]
    Trace(#[from] workload::WorkloadError),
    /// There is too little to forecast from.
    #[error(transparent)]
    Forecast(#[from] forecast::ForecastError),
    /// The metrics cannot be used as they are.
    #[error("{0}")]
    Metrics(String),
    /// Nothing in the files is about load.
    #[error(
        "no consumed capacity and no keys in what was given: export ConsumedReadCapacityUnits or \
         ConsumedWriteCapacityUnits with the statistic Sum"
    )]
    Nothing,
}
