//! The part of a reslice in which writes are held.
//!
//! The bound on it covers everything but the publishing. Work that is under way when the bound
//! passes is not cancelled half-way, which could leave a database that goes on writing; the gates
//! are opened, the work is awaited, and its result is thrown away.

use super::{Attempt, PauseParts, close_all, ms_since};
use crate::engine::{CloneSource, Engine};
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::partition::{Gate, Partition};
use crate::record::table::PartitionRecord;
use crate::table::open::{Expect, open_partitions};
use crate::table::{Shared, Table};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedRwLockWriteGuard;
use tokio::time::timeout;

/// The state just before publishing: the gates are closed, the children are open and reachable
/// for nobody.
pub(super) struct Cutover {
    pub(super) begun: Instant,
    pub(super) gates: Vec<OwnedRwLockWriteGuard<Gate>>,
    pub(super) children: Vec<Arc<Partition>>,
    pub(super) parts: PauseParts,
}

impl Cutover {
    /// Closes the gates and makes the children. If this fails, the gates are open again and
    /// nothing of the children is open.
    pub(super) async fn begin(attempt: &Attempt) -> Result<Self> {
        let shared = &attempt.table.shared;
        let bound_ms = shared.settings.cutover_ms_max;
        let bound = Duration::from_millis(bound_ms);
        let too_slow = || StorageError::TooSlow { step: "cutover", bound_ms };
        let begun = Instant::now();
        let closing = join_all(attempt.sources.iter().map(|source| source.close_gate()));
        let gates = timeout(bound, closing).await.map_err(|_| too_slow())?;
        let drain_ms = ms_since(begun);
        let making = Making {
            shared: shared.clone(),
            table: attempt.table.clone(),
            sources: attempt.sources.clone(),
            children: attempt.children.clone(),
        };
        let mut making = tokio::spawn(making.run());
        let made = timeout(bound.saturating_sub(begun.elapsed()), &mut making).await;
        let made = match made {
            Ok(joined) => joined.unwrap_or_else(interrupted),
            Err(_) => {
                drop(gates);
                if let Ok((children, _)) = making.await.unwrap_or_else(interrupted) {
                    close_all(&children).await;
                }
                return Err(too_slow());
            }
        };
        let (children, parts) = made?;
        Ok(Self { begun, gates, children, parts: PauseParts { drain_ms, ..parts } })
    }
}

fn interrupted<T>(stopped: tokio::task::JoinError) -> Result<T> {
    Err(StorageError::Interrupted(stopped.to_string()))
}

/// Makes the children of sources whose gates are closed.
struct Making {
    shared: Arc<Shared>,
    table: Arc<Table>,
    sources: Vec<Arc<Partition>>,
    children: Vec<PartitionRecord>,
}

impl Making {
    async fn run(self) -> Result<(Vec<Arc<Partition>>, PauseParts)> {
        let mut parts = PauseParts::default();
        self.shared.reached(FaultPoint::ResliceGated).await?;
        let sealing = Instant::now();
        let sealed = join_all(self.sources.iter().map(|source| self.seal(source))).await;
        let sealed = sealed.into_iter().collect::<Result<Vec<CloneSource>>>()?;
        parts.flush_ms = ms_since(sealing);
        self.shared.reached(FaultPoint::ResliceSealed).await?;
        let cloning = Instant::now();
        self.clone_children(&sealed).await?;
        parts.clone_ms = ms_since(cloning);
        self.shared.reached(FaultPoint::ResliceCloned).await?;
        let opening = Instant::now();
        let opened = open_partitions(&self.shared, self.table.id(), &self.children, Expect::Clone);
        let opened = opened.await?;
        parts.open_ms = ms_since(opening);
        if let Err(error) = self.shared.reached(FaultPoint::ResliceOpened).await {
            close_all(&opened).await;
            return Err(error);
        }
        Ok((opened, parts))
    }

    /// Moves everything that a source accepted into files, and pins a stored state of it that has
    /// everything: asserted, not assumed, with the very manifest that is cloned.
    async fn seal(&self, source: &Arc<Partition>) -> Result<CloneSource> {
        source.flush().await?;
        let checkpoint = self.shared.engine.checkpoint(source.path()).await?;
        if checkpoint.writer_epoch != source.db().manifest().writer_epoch() {
            return Err(StorageError::Fenced(source.id()));
        }
        let accepted = source.accepted_seq();
        if checkpoint.flushed_seq < accepted {
            return Err(StorageError::Invariant {
                object: source.path().to_string(),
                reason: format!(
                    "its files hold writes up to {}, but {accepted} was accepted",
                    checkpoint.flushed_seq
                ),
            });
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
                done = done.and(self.shared.reached(FaultPoint::ResliceFirstCloned).await);
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
        self.shared.engine.clone_database(&path, &parts).await
    }
}
