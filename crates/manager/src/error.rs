//! What can go wrong in the manager.

use storage::StorageError;

/// The manager's errors; each says in one line what, where, and what to change.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// No partition of this id in the table's map now.
    #[error("table {0} has no partition {1} now")]
    NoSuchPartition(String, types::PartitionId),
    /// No table has this name.
    #[error("there is no table {0:?}")]
    NoSuchTable(String),
    /// No decision has this number.
    #[error("there is no workflow {0}")]
    NoSuchWorkflow(u64),
    /// It makes sense, but not now.
    #[error("{0}")]
    Conflict(String),
    /// The request makes no sense as it is.
    #[error("{0}")]
    Refused(String),
    /// An operator called it off.
    #[error("workflow {0} was cancelled before anything was changed")]
    Cancelled(u64),
    /// Its turn did not come.
    #[error(
        "workflow {id} was given up after {most_ms} ms of waiting for {waited_for}; nothing was changed"
    )]
    GivenUp {
        /// Which.
        id: u64,
        /// How long it may wait.
        most_ms: u64,
        /// For what.
        waited_for: String,
    },
    /// Another action on the same table has not ended yet.
    #[error("table {0:?} is being re-partitioned; try again when that has ended")]
    Busy(String),
    /// The storage layer failed.
    #[error(transparent)]
    Storage(StorageError),
    /// A record could not be written as JSON.
    #[error("a record could not be encoded: {0}")]
    Encode(#[from] serde_json::Error),
    /// The loop's thread ended early.
    #[error("the manager's loop failed: {0}")]
    Loop(#[from] tokio::task::JoinError),
    /// A table cannot be watched with the settings there are.
    #[error(transparent)]
    Planner(#[from] planner::PlannerError),
    /// The recurrent network cannot be trained with the settings there are.
    #[error(transparent)]
    Forecast(#[from] forecast::ForecastError),
    /// A table cannot be played in the simulator.
    #[error(transparent)]
    Simulator(#[from] simulator::SimulatorError),
    /// A workflow came to something that its table of transitions does not have.
    #[error("workflow {id} is at {step:?}, and {happening:?} leads nowhere from there")]
    NoSuchTransition {
        /// Which.
        id: u64,
        /// Where it is.
        step: crate::Step,
        /// What came.
        happening: crate::Happening,
    },
    /// The journal was written by a later version.
    #[error("{name} cannot be read: {why}; start the version that wrote it, or move the file away")]
    Newer {
        /// The blob.
        name: String,
        /// What is not known here.
        why: String,
    },
    /// The manager has been stopped.
    #[error("the manager has been stopped")]
    Stopped,
}

impl From<StorageError> for ManagerError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NoSuchTable(name) => Self::NoSuchTable(name),
            StorageError::Refused(why) => Self::Refused(why),
            StorageError::Busy(name) => Self::Busy(name),
            other => Self::Storage(other),
        }
    }
}
