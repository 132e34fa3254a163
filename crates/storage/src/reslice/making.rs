//! Making the children while traffic runs.
//!
//! What was accepted up to a moment is flushed, and the children are cloned from a stored state that
//! has all of it; what comes later is kept and written to them when they are open ([`delta`](super::delta)).
//! So what is left for the time in which writes are held is what was written within a few milliseconds.
//!
//! Work that is under way when the bound passes is not cancelled half-way, which could leave a database
//! that goes on writing; it is awaited, and its result is thrown away.

use super::delta::Delta;
use super::{Attempt, MakingParts, close_all, interrupted, ms_since};
use crate::engine::{CloneSource, Engine};
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::partition::Partition;
use crate::record::table::PartitionRecord;
use crate::table::Table;
use crate::table::open::{Expect, open_partitions};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The children, open, reachable for nobody, and a little behind the sources.
pub(super) struct Made {
    pub(super) delta: Delta,
    pub(super) children: Vec<Arc<Partition>>,
    pub(super) parts: MakingParts,
}

impl Made {
    /// Makes the children. If this fails, nothing of them is open, and nothing is kept.
    pub(super) async fn make(attempt: &Attempt) -> Result<Self> {
        let bound_ms = attempt.table.shared.settings.prepare_ms_max;
        let making = Making {
            table: attempt.table.clone(),
            sources: attempt.sources.clone(),
            children: attempt.children.clone(),
        };
        let mut making = tokio::spawn(making.run());
        match timeout(Duration::from_millis(bound_ms), &mut making).await {
            Ok(made) => made.unwrap_or_else(interrupted),
            Err(_) => {
                if let Ok(Self { delta, children, .. }) = making.await.unwrap_or_else(interrupted) {
                    drop(delta);
                    close_all(&children).await;
                }
                Err(StorageError::TooSlow { step: "preparation", bound_ms })
            }
        }
    }
}

struct Making {
    table: Arc<Table>,
    sources: Vec<Arc<Partition>>,
    children: Vec<PartitionRecord>,
}

impl Making {
    async fn run(self) -> Result<Made> {
        let shared = &self.table.shared;
        let mut parts = MakingParts::default();
        let mut delta = Delta::begin(&self.sources, &shared.settings).await?;
        parts.hold_ms = delta.hold_ms;
        shared.reached(FaultPoint::ResliceKeeping).await?;
        let sealing = Instant::now();
        let sealed = self.seal_all(&mut delta).await?;
        parts.flush_ms = ms_since(sealing);
        shared.reached(FaultPoint::ResliceSealed).await?;
        let cloning = Instant::now();
        self.clone_children(&sealed).await?;
        parts.clone_ms = ms_since(cloning);
        shared.reached(FaultPoint::ResliceCloned).await?;
        let opening = Instant::now();
        let id = self.table.id();
        let children = open_partitions(shared, id, &self.children, Expect::Clone).await?;
        parts.open_ms = ms_since(opening);
        let catching_up = Instant::now();
        if let Err(error) = self.catch_up(&delta, &children).await {
            close_all(&children).await;
            return Err(error);
        }
        parts.catch_up_ms = ms_since(catching_up);
        Ok(Made { delta, children, parts })
    }

    async fn catch_up(&self, delta: &Delta, children: &[Arc<Partition>]) -> Result<()> {
        let shared = &self.table.shared;
        shared.reached(FaultPoint::ResliceOpened).await?;
        delta.catch_up(&self.table, children).await?;
        shared.reached(FaultPoint::ResliceCaughtUp).await
    }

    async fn seal_all(&self, delta: &mut Delta) -> Result<Vec<CloneSource>> {
        let sealed = join_all(self.sources.iter().map(|source| self.seal(source))).await;
        let sealed = sealed.into_iter().collect::<Result<Vec<CloneSource>>>()?;
        for (at, source) in sealed.iter().enumerate() {
            delta.pin(at, source.checkpoint.flushed_seq)?;
        }
        Ok(sealed)
    }

    /// Moves what a source has accepted so far into files, and pins a stored state of it that has that.
    async fn seal(&self, source: &Arc<Partition>) -> Result<CloneSource> {
        source.flush().await?;
        let checkpoint = self.table.shared.engine.checkpoint(source.path()).await?;
        if checkpoint.writer_epoch != source.db().manifest().writer_epoch() {
            return Err(StorageError::Fenced(source.id()));
        }
        let range = source.info().range.clone();
        Ok(CloneSource { path: source.path().clone(), checkpoint, range })
    }

    /// Clones all children at once. None is cancelled if another fails: each has ended, in one
    /// way or the other, before anything is undone.
    async fn clone_children(&self, sources: &[CloneSource]) -> Result<()> {
        let clones = self.children.iter().map(|child| self.clone_child(child, sources));
        let mut clones: FuturesUnordered<_> = clones.collect();
        let mut done = Ok(());
        let mut first = true;
        while let Some(cloned) = clones.next().await {
            done = done.and(cloned);
            if std::mem::take(&mut first) {
                done = done.and(self.table.shared.reached(FaultPoint::ResliceFirstCloned).await);
            }
        }
        done
    }

    async fn clone_child(&self, child: &PartitionRecord, sources: &[CloneSource]) -> Result<()> {
        let wanted = child.range();
        let parts: Vec<CloneSource> = sources
            .iter()
            .filter_map(|source| {
                let range = source.range.intersection(&wanted)?;
                Some(CloneSource { range, ..source.clone() })
            })
            .collect();
        let path = Engine::path(self.table.id(), child.id);
        self.table.shared.engine.clone_database(&path, &parts).await
    }
}
