//! What can go wrong in a simulation: only its input.

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] ::workload::WorkloadError),
    /// The planner refuses its settings.
    #[error(transparent)]
    Planner(#[from] planner::PlannerError),
    /// A setting is out of its range.
    #[error("simulator setting {name} is {value}, but must be {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A page's data cannot be written down.
    #[error("the page cannot be written: {0}")]
    Page(#[from] serde_json::Error),
    /// A result that was kept cannot be read or written.
    #[error("a kept result, {}: {source}", path.display())]
    Kept {
        /// Its file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of measured costs cannot be read.
    #[error("costs file {}: {why}", path.display())]
    Costs {
        /// The file.
        path: std::path::PathBuf,
        /// Why not; names the field, if it is one.
        why: String,
    },
    /// Whoever asked for it does not want it any more.
    #[error("stopped")]
    Stopped,
    /// The trace holds nothing in the time that is asked for.
    #[error("the trace has no events {0}")]
    NoEvents(&'static str),
    /// A recording is too short for history and play.
    #[error("the recording covers {0} min; at least 10 are needed; export later")]
    TooShort(i64),
}
