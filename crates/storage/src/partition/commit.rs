//! Group commit: one log flush at a time, each taking all writes that came during the one before.
//!
//! SlateDB's own timer would wake every partition a thousand times a second for a latency of a
//! millisecond. Here a write wakes the committer; an idle partition costs nothing, a lone writer
//! waits for one flush, and a crowd shares them.

use slatedb::Db;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Duration, Instant, sleep_until};

/// Flushes a partition's log whenever something was written.
#[derive(Debug)]
pub(super) struct Committer {
    wake: Arc<Notify>,
    task: AbortHandle,
}

impl Committer {
    /// Between two flushes lies `pause` at least: where each of them costs money.
    pub(super) fn start(db: Db, pause: Duration) -> Self {
        let wake = Arc::new(Notify::new());
        let woken = wake.clone();
        let task = tokio::spawn(async move {
            loop {
                woken.notified().await;
                let next = Instant::now() + pause;
                // The writers learn of a failure from their handles: the database is closed then.
                if let Err(error) = db.flush().await {
                    tracing::debug!(%error, "a log flush failed; the committer ends");
                    return;
                }
                if !pause.is_zero() {
                    sleep_until(next).await;
                }
            }
        });
        Self { wake, task: task.abort_handle() }
    }

    /// Says that something was handed to the engine.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.stop();
    }
}
