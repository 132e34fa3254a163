//! Lets the node log forget: what is in sorted files, and, when the log has grown to its bound, what
//! is not in them yet because its database is idle.
//!
//! Wakes up only when the log has begun or removed a segment. Then every database that holds the
//! oldest segment is asked how far its *stored* manifest is; if the log is above
//! `log_release_bytes`, its memtable is flushed first. So one row of an idle partition cannot hold
//! the log for ever, and a busy store does nothing here that it would not do anyway.

use super::NodeWal;
use crate::engine::{Engine, flush_memtable};
use futures::StreamExt;
use object_store::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How many databases are flushed at once.
const FLUSH_CONCURRENCY: usize = 4;
/// How long a flush is waited for; it goes on without us.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(30);
/// How long after a flush that did not help it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Keeps until it is dropped.
#[derive(Debug)]
pub(crate) struct Keeper(AbortHandle);

impl Keeper {
    pub(crate) fn start(wal: &NodeWal, engine: &Arc<Engine>) -> Self {
        let task = tokio::spawn(keep(wal.clone(), Arc::downgrade(engine)));
        Self(task.abort_handle())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(wal: NodeWal, engine: Weak<Engine>) {
    let mut status = wal.log.status();
    loop {
        let now = status.borrow_and_update().clone();
        let flush = now.wants_release;
        let holders = now.holders.iter().map(|name| Path::from(name.as_str()));
        let let_go =
            futures::stream::iter(holders).for_each_concurrent(FLUSH_CONCURRENCY, |path| {
                let (wal, engine) = (&wal, engine.upgrade());
                async move {
                    if let Some(engine) = engine {
                        let_go(wal, &engine, &path, flush).await;
                    }
                }
            });
        let_go.await;
        // A segment that could be removed is a new status. If none could, the next one that is begun
        // is the occasion to try again; but there may be none if writers wait for us.
        let changed = match flush {
            true => timeout(RETRY_PAUSE, status.changed()).await.unwrap_or(Ok(())),
            false => status.changed().await,
        };
        if changed.is_err() || engine.strong_count() == 0 {
            return;
        }
    }
}

/// Does what can be done for one database. A failure is no disaster: the log stays as it is, and
/// if that goes on, writers wait.
async fn let_go(wal: &NodeWal, engine: &Engine, path: &Path, flush: bool) {
    if let Some(db) = engine.open_database(path).filter(|_| flush)
        && let Err(error) = in_time(flush_memtable(&db)).await
    {
        tracing::warn!(
            %path, error,
            "a partition that holds the oldest part of the log cannot be flushed: when the log is \
             full, writes to all partitions wait for it and then fail"
        );
    }
    let marked = match engine.manifest(path).await {
        Ok(Some(stored)) => wal.mark_read(path, stored.last_l0_seq()).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = marked {
        tracing::warn!(%path, %error, "the log cannot let go of a database");
    }
}

/// Waits for a flush, but not for ever: the engine tries again and again if files cannot be written, and
/// there may be others to flush.
async fn in_time(flush: impl Future<Output = Result<(), slatedb::Error>>) -> Result<(), String> {
    match timeout(FLUSH_TIME_MAX, flush).await {
        Ok(flushed) => flushed.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it takes longer than {} s", FLUSH_TIME_MAX.as_secs())),
    }
}
