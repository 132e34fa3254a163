//! Work that waits for a disk, and where it is done.

use crate::directory::DataDirectory;
use crate::error::{Result, StorageError};

/// Where to do what would block others that share the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocking {
    /// On a thread of its own.
    Elsewhere,
    /// Here and now: a simulated disk does not keep anybody waiting, and in a simulation everything
    /// happens in one order.
    Here,
}

impl Blocking {
    /// What the store's files need.
    pub(crate) fn of(directory: &DataDirectory) -> Self {
        if directory.is_simulated() { Self::Here } else { Self::Elsewhere }
    }

    /// Does some work.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self {
            Self::Here => work(),
            Self::Elsewhere => {
                tokio::task::spawn_blocking(work).await.map_err(|_| StorageError::Closed)?
            }
        }
    }
}
