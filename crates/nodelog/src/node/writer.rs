//! The one writer of a database.

use super::Claim;
use super::queue::{Request, Shared};
use crate::error::{LogError, Result};
use crate::name::DatabaseName;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Told, on the log's thread, what became of what a writer appended. No lock of the log is held.
pub trait Listener: Send + Sync {
    /// All rows up to `id` are on the disk; `appends` of them, with `bytes`, since the last call.
    fn durable(&self, id: u64, appends: usize, bytes: usize);

    /// Nothing more will become durable, because of this. Called once at most.
    fn closed(&self, why: &LogError);
}

/// A writer as the log knows it.
pub(super) struct Session {
    pub(super) name: DatabaseName,
    pub(super) listener: Arc<dyn Listener>,
}

impl Session {
    /// Tells the listener that nothing more will become durable. If it panics, that is its loss: the
    /// others are still to be told.
    pub(super) fn tell_closed(&self, why: &LogError) {
        let _ = panic::catch_unwind(AssertUnwindSafe(|| self.listener.closed(why)));
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Appends rows of one database. Ends when it is [closed](Self::close), fenced, or the log fails.
#[derive(Debug)]
pub struct Writer {
    session: Arc<Session>,
    shared: Arc<Shared>,
}

impl Claim {
    /// Starts the writer, whose rows follow `last_id`. For a database that the log knows, that is
    /// its last one there; for another one, the id up to which it needs no log.
    pub fn start(&self, last_id: u64, listener: Arc<dyn Listener>) -> Result<Writer> {
        let session = Arc::new(Session { name: self.name.clone(), listener });
        self.shared.install(&session, self.epoch, last_id)?;
        Ok(Writer { session, shared: self.shared.clone() })
    }
}

impl Writer {
    /// Hands rows to the log, under an id that is greater than those before. They are written
    /// without being asked for; the listener is told when they are on the disk. Waits while too
    /// much is waiting for the disk already.
    pub async fn append(&self, id: u64, rows: Vec<u8>) -> Result<()> {
        self.shared.append(&self.session, id, rows).await
    }

    /// Waits until everything that was appended is on the disk, and the listener was told.
    pub async fn settle(&self) -> Result<()> {
        let (done, settled) = oneshot::channel();
        self.shared.push(Request::Barrier { done })?;
        settled.await.map_err(|_| self.shared.failure())?
    }

    /// Ends the writer without waiting; its listener is not told.
    pub fn close(&self) {
        self.shared.remove(&self.session);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}
