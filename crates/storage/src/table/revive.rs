//! Opens databases again that have stopped.
//!
//! SlateDB repeats what may work the next time, for ever; on any other error (a file that is said not to
//! be there, an answer that makes no sense, a panic) it stops the database: nothing can be read or written
//! there any more. Whatever it was may be over, so the partition gets a new database over the same
//! files. What the old one had in memory is in the log, or was not acknowledged; opening fences what may
//! be left of it.
//!
//! As long as the files do not answer at all, opening waits, and so do workflows of the table and its
//! closing.
//!
//! A database that another process has taken over is not opened again: that would take it back.

use super::{Routes, Table};
use crate::error::{Result, StorageError};
use crate::partition::{Gate, Partition};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a database that has stopped is left alone: longer each time, if it stops again soon.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);

impl Table {
    /// Sees to it that partitions which have just been routed to are opened again if they stop.
    pub(crate) fn watch_over(self: &Arc<Self>, partitions: &[Arc<Partition>]) {
        for partition in partitions {
            tokio::spawn(watch_over(Arc::downgrade(self), Arc::downgrade(partition)));
        }
    }

    /// Gives a partition that has stopped a new database; `None` if it is not served any more.
    async fn revive(self: &Arc<Self>, old: &Arc<Partition>) -> Result<Option<Arc<Partition>>> {
        let _workflow = self.workflow.clone().lock_owned().await;
        let mut partitions = self.routes().partitions.clone();
        let Some(at) = partitions.iter().position(|other| Arc::ptr_eq(other, old)) else {
            return Ok(None);
        };
        if self.check_alive().is_err() || self.undecided.load(Ordering::SeqCst) {
            return Ok(None);
        }
        self.object.confirm().await?;
        // If the files are said not to be there, opening would make a database without any.
        if self.shared.engine.manifest(old.path()).await?.is_none() {
            let (path, reason) = (old.path().to_string(), "its manifest is missing".to_owned());
            return Err(StorageError::Corrupt { path, reason });
        }
        old.abandon().await;
        let db = self.shared.engine.open(old.path()).await?;
        let rows = self.shared.rows.number();
        let new = Partition::new(old.info().clone(), old.path().clone(), db, rows, &self.shared);
        if old.captures() {
            // A rekey that waits to be gone on with must miss no write.
            new.capture_from_here().await?;
        }
        partitions[at] = new.clone();
        let now = self.routes();
        self.set_routes(Routes::new(self.id, now.map.epoch, now.order, partitions));
        old.retire();
        *old.close_gate().await = Gate::Retired;
        let (closing, old) = (self.closing.clone().read_owned().await, old.clone());
        tokio::spawn(async move {
            // It was closed before; this waits for those who still hold on to it.
            let _ = old.close().await;
            drop(closing);
        });
        Ok(Some(new))
    }
}

/// Follows a partition from one database to the next.
async fn watch_over(table: Weak<Table>, mut watched: Weak<Partition>) {
    let mut pause = PAUSE_MIN;
    loop {
        let opened = Instant::now();
        let Some(stopped) = watched.upgrade().map(|partition| partition.stopped()) else {
            return;
        };
        if !stopped.await {
            return;
        }
        let calm = opened.elapsed() > PAUSE_MAX;
        pause = if calm { PAUSE_MIN } else { pause };
        watched = loop {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            let (Some(table), Some(old)) = (table.upgrade(), watched.upgrade()) else {
                return;
            };
            match table.revive(&old).await {
                Ok(Some(new)) => {
                    tracing::warn!(partition = %new.path(), "opened a database again that had stopped");
                    break Arc::downgrade(&new);
                }
                Ok(None) | Err(StorageError::TakenOver(_)) => return,
                Err(error) => {
                    tracing::warn!(
                        partition = %old.path(), %error,
                        "a database has stopped and cannot be opened again yet"
                    );
                }
            }
        };
    }
}
