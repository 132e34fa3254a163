//! Rekey: a table gets another key order, and with it other partitions, while requests go on.
//!
//! 1. **Make.** The intent goes to the catalog, with new partitions that tile the new key axis.
//! 2. **Copy** ([`copy`]). Every write is captured: a record that names its key goes to the engine
//!    in the same batch. Meanwhile each partition is copied in chunks; between two chunks the captured
//!    keys are copied once more, as they are then. So what is in the new order is always a state that
//!    the old one had, and what is missing is named by records that survive a crash with the writes.
//! 3. **Cut over** ([`cutover`]), bounded in time, with all gates closed: the last captured keys are
//!    copied, that none is left is asserted, and one compare-and-set makes the new partitions, the new
//!    order and the new definition the table's. Writers that were held make their keys anew.
//! 4. **Clean up.** Scans that had begun go on in the old order for
//!    [`rekey_grace_ms`](crate::StorageSettings::rekey_grace_ms) (`table::order`); then the old
//!    partitions are closed, and [`maintain`](crate::maintain) deletes them.
//!
//! **A restart goes on** where the catalog says the copying was: captured writes were captured
//! ever since, as the partitions capture from the moment they are opened. What fails in a living
//! process before the compare-and-set, or is cancelled, is undone ([`undo`]). The old partitions were
//! never touched.

use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::map::{AXIS_END, PartitionInfo};
use crate::partition::Partition;
use crate::record::table::{CopiedRecord, PartitionRecord, RekeyRecord, RekeyStage, TableRecord};
use crate::reslice::{close_all, ms_since};
use crate::table::Table;
use crate::table::open::{Expect, open_partitions};
use bytes::Bytes;
use futures::future::try_join_all;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use types::KeyRange;

mod children;
mod control;
mod copy;
mod cutover;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod undo;

use children::Children;
use control::Control;
pub use control::{RekeyPhase, RekeyProgress};
pub(crate) use state::Rekeying;

/// How often a cutover that did not get done within its bound is tried again.
const CUTOVERS_MAX: usize = 8;

/// What the new order makes of a table. Pure: the same answers after a restart.
pub trait NewOrder: Send + Sync + fmt::Debug {
    /// The key in the new order of what is stored under `old`. No two old keys have the same.
    ///
    /// # Errors
    /// If `old` is no key of the old order.
    fn key(&self, old: &[u8]) -> std::result::Result<Bytes, String>;

    /// The definition that goes with the new order.
    fn definition(&self, old: &serde_json::Value) -> serde_json::Value;
}

/// A change of the key order.
#[derive(Clone, Debug)]
pub struct Rekey {
    /// Kept in the catalog, so that a process that finds the rekey under way knows what to go on with.
    pub target: serde_json::Value,
    /// The boundaries between the new partitions, rising. Not used by a rekey that goes on.
    pub boundaries: Vec<Bytes>,
    /// What it does.
    pub order: Arc<dyn NewOrder>,
}

/// What a rekey did, and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub struct RekeyReport {
    /// The table's partitions from now on.
    pub children: Vec<PartitionInfo>,
    /// The epoch of the new map.
    pub epoch: u64,
    /// Items that were copied, those that were written meanwhile each time.
    pub items: u64,
    /// Their keys and values.
    pub bytes: u64,
    /// The same as others saw it last.
    pub progress: RekeyProgress,
    /// How long writes were held.
    pub pause_ms: f64,
    /// From the request, or the restart, to the new order.
    pub total_ms: f64,
}

/// One rekey of one table, its intent in the catalog.
struct Attempt {
    table: Arc<Table>,
    order: Arc<dyn NewOrder>,
    control: Arc<Control>,
    sources: Vec<Arc<Partition>>,
    record: RekeyRecord,
}

impl Table {
    /// Changes the key order, or goes on with the change that the process before had begun. Requests
    /// go on meanwhile; writes are held for the time of the cutover. The table is not resliced until it
    /// has ended. Once begun, it runs to its end even if the caller goes away.
    pub async fn rekey(self: &Arc<Self>, request: Rekey) -> Result<RekeyReport> {
        let held = match self.pending_rekey() {
            // It has begun already, and housekeeping may have the right for a while.
            Some(_) => self.workflow_again().await?,
            None => self.begin_workflow()?,
        };
        self.check_decided()?;
        let control = self.rekeying.begin(self, &request.target)?;
        // Who closes the table waits until its new partitions are closed, too.
        let runs = self.rekeying.runs().await;
        let table = self.clone();
        let run = tokio::spawn(async move {
            let begun = Instant::now();
            let attempt = Attempt::begin(&table, &request, control.clone()).await;
            drop(held);
            let (had, done) = match attempt {
                Ok(attempt) => (Some(attempt.record.clone()), attempt.run(begun).await),
                Err(error) => (table.rekeying.pending(), Err(error)),
            };
            table.rekeying.end(left_of(&table, had, &done).await);
            drop(runs);
            done
        });
        run.await.unwrap_or_else(|stopped| Err(StorageError::Interrupted(stopped.to_string())))
    }
}

/// What the catalog has left of a rekey that has ended: something only if it could not be undone, or
/// the table was closed. If it does not say, what the attempt `had` may be there still.
async fn left_of(
    table: &Table,
    had: Option<RekeyRecord>,
    done: &Result<RekeyReport>,
) -> Option<RekeyRecord> {
    if done.is_ok() {
        return None;
    }
    match table.object.record().await {
        Ok(record) => record?.rekey,
        Err(_) => had,
    }
}

impl Attempt {
    /// Writes the intent, or finds it.
    async fn begin(table: &Arc<Table>, request: &Rekey, control: Arc<Control>) -> Result<Self> {
        crate::reslice::undo::undo_unpublished(&table.shared, &table.object).await?;
        let pending = match table.object.record().await? {
            Some(record) => record.rekey,
            None => None,
        };
        if let Some(other) = pending.as_ref().filter(|pending| pending.target != request.target) {
            return Err(StorageError::Refused(format!(
                "table {}: a rekey to {} is under way; cancel it first",
                table.name(),
                other.target
            )));
        }
        let record = match pending {
            Some(pending) if pending.stage == RekeyStage::Copying => pending,
            Some(_) => {
                // Paths are used once: what was being made is made anew under other numbers.
                undo::undo(table).await?;
                Self::journal(table, request).await?
            }
            None => Self::journal(table, request).await?,
        };
        let sources = table.routes().partitions.clone();
        let order = request.order.clone();
        Ok(Self { table: table.clone(), order, control, sources, record })
    }

    async fn journal(table: &Table, request: &Rekey) -> Result<RekeyRecord> {
        let ranges = KeyRange::full().cut(&request.boundaries);
        let beyond = request.boundaries.iter().any(|boundary| **boundary >= AXIS_END[..]);
        let ranges = ranges.filter(|_| !beyond).ok_or_else(|| {
            let why = "cannot rekey: the boundaries must rise and lie within the key axis";
            StorageError::Refused(why.to_owned())
        })?;
        let now_ms = table.shared.clock.now_ms();
        let intend = |record: &mut TableRecord| {
            let numbered = record.take_partition_ids(ranges.len()).into_iter().zip(&ranges);
            let children =
                numbered.map(|(id, range)| PartitionRecord::new(id, range, now_ms)).collect();
            let rekey = RekeyRecord {
                target: request.target.clone(),
                stage: RekeyStage::Making,
                children,
                copied: Vec::new(),
                started_ms: now_ms,
            };
            record.rekey = Some(rekey.clone());
            Ok(rekey)
        };
        table.object.update(intend).await
    }

    async fn run(self, begun: Instant) -> Result<RekeyReport> {
        let table = self.table.clone();
        let mut opened = Vec::new();
        let done = self.carry_out(begun, &mut opened).await;
        let Err(error) = done else { return done };
        close_all(&opened).await;
        // The next start goes on, or decides.
        let decided = !matches!(error, StorageError::Undecided(_) | StorageError::TakenOver(_));
        if !decided {
            return Err(error);
        }
        // A partition that is opened again meanwhile would capture for ever.
        if let Ok(_workflow) = table.workflow_again().await {
            tracing::warn!(table = table.name(), %error, "a rekey ended early and is undone");
            undo::undo(&table).await?;
        }
        Err(error)
    }

    async fn carry_out(
        mut self,
        begun: Instant,
        opened: &mut Vec<Arc<Partition>>,
    ) -> Result<RekeyReport> {
        let shared = self.table.shared.clone();
        shared.reached(FaultPoint::RekeyJournaled).await?;
        *opened = self.make().await?;
        shared.reached(FaultPoint::RekeyMade).await?;
        let children = Arc::new(Children::new(self.table.id(), opened.clone(), &self.order));
        self.measure().await?;
        let captures =
            try_join_all(self.sources.iter().map(|source| source.start_capture())).await?;
        shared.reached(FaultPoint::RekeyCapturing).await?;
        let mut copies = self.copies(captures, &children);
        for _ in 0..CUTOVERS_MAX {
            copies = self.copy_all(copies).await?;
            shared.reached(FaultPoint::RekeyCaughtUp).await?;
            match self.cut_over(&mut copies, opened, begun).await {
                Err(error @ StorageError::TooSlow { .. }) => {
                    tracing::info!(table = self.table.name(), %error, "the cutover is tried again");
                    self.control.set_phase(RekeyPhase::CatchingUp);
                }
                done => return done,
            }
        }
        let bound_ms = shared.settings.cutover_ms_max;
        Err(StorageError::TooSlow { step: "cutover", bound_ms })
    }

    /// Opens the new partitions; makes them first, unless they were.
    async fn make(&mut self) -> Result<Vec<Arc<Partition>>> {
        let (shared, id) = (&self.table.shared, self.table.id());
        if self.record.stage == RekeyStage::Copying {
            return open_partitions(shared, id, &self.record.children, Expect::Database).await;
        }
        let made = open_partitions(shared, id, &self.record.children, Expect::Nothing).await?;
        let copying = |record: &mut TableRecord| {
            let missing = || StorageError::Conflict(self.table.name().to_owned());
            record.rekey.as_mut().ok_or_else(missing)?.stage = RekeyStage::Copying;
            Ok(())
        };
        if let Err(error) = self.table.object.update(copying).await {
            close_all(&made).await;
            return Err(error);
        }
        self.record.stage = RekeyStage::Copying;
        Ok(made)
    }

    /// Estimates what there is to copy.
    async fn measure(&self) -> Result<()> {
        let sizes = self.table.partition_sizes().await?;
        self.control.set_total(sizes.iter().map(|size| size.live_bytes).sum());
        Ok(())
    }

    fn report(&self, children: &[Arc<Partition>], epoch: u64, begun: Instant) -> RekeyReport {
        let progress = self.control.progress();
        RekeyReport {
            children: children.iter().map(|child| child.info().clone()).collect(),
            epoch,
            items: progress.items,
            bytes: progress.bytes,
            progress,
            pause_ms: 0.0,
            total_ms: ms_since(begun),
        }
    }
}
