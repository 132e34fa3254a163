//! Reslice: given adjacent partitions and new boundaries, make new partitions. Split is 1→n, merge
//! n→1, a boundary shift 2→2, isolating a hot key 1→3; all are this one workflow.
//!
//! 1. **Make** ([`making`]), while traffic runs. The intent goes to the catalog, with child partitions
//!    that no attempt used before. From then on every write is kept in memory as well ([`delta`]); what was
//!    written before is flushed, the children are cloned from it without copying data and opened, and
//!    what was kept is written to them.
//! 2. **Cut over** ([`cutover`]), bounded in time, with the parents' gates closed: what was kept last is
//!    written to the children, and the new map is published by one compare-and-set. Writers that were held
//!    go on at the children.
//! 3. **Clean up.** Each parent is closed when its last reader has left. Its files stay as long
//!    as children borrow them ([`maintain`](crate::maintain)).
//!
//! Whatever fails before the compare-and-set is undone ([`undo`]), by this process or the next;
//! what fails after it is only finished. If the compare-and-set's own outcome cannot be found out,
//! the gates stay closed for good: a restart reads the catalog and knows.

use crate::engine::FlushLimits;
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::map::PartitionInfo;
use crate::partition::{Gate, Partition};
use crate::record::table::{PartitionRecord, ResliceRecord, RetiredRecord, TableRecord};
use crate::settings::StorageSettings;
use crate::table::{Routes, Table};
use bytes::Bytes;
use futures::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use types::{KeyRange, PartitionId};

mod cutover;
mod delta;
mod making;
mod plan;
pub(crate) mod undo;

use cutover::Cutover;
use making::Made;
use plan::Plan;

/// A memtable that holds less is not worth a file of its own: making the children flushes it.
const PREPARE_FLUSH_BYTES_MIN: u64 = 1 << 20;

/// What to make of which partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reslice {
    /// One or more adjacent partitions.
    pub sources: Vec<PartitionId>,
    /// The boundaries between the children, rising, strictly inside what the sources own
    /// together. None for one child.
    pub boundaries: Vec<Bytes>,
}

/// What a reslice did, and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub struct ResliceReport {
    /// The partitions that are no more.
    pub sources: Vec<PartitionId>,
    /// Those in their place.
    pub children: Vec<PartitionInfo>,
    /// The epoch of the new map.
    pub epoch: u64,
    /// How long the preparation took, while traffic ran, making the children included.
    pub prepare_ms: f64,
    /// What making the children was made of.
    pub making: MakingParts,
    /// How long writes to the sources were held, both times together.
    pub pause_ms: f64,
    /// What the pause was made of, with the [first hold](MakingParts::hold_ms).
    pub pause: PauseParts,
    /// From the request to the new map.
    pub total_ms: f64,
}

/// The parts of making the children. Writes go on meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MakingParts {
    /// How long writes were held until they were kept.
    pub hold_ms: f64,
    /// Writing the memtables, and the checkpoints.
    pub flush_ms: f64,
    /// Cloning.
    pub clone_ms: f64,
    /// Opening the children.
    pub open_ms: f64,
    /// Writing what was kept to the children.
    pub catch_up_ms: f64,
}

/// The parts of a write pause.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PauseParts {
    /// Waiting for writes that had passed the gates.
    pub drain_ms: f64,
    /// Writing what came last to the children.
    pub copy_ms: f64,
    /// Publishing the new map.
    pub publish_ms: f64,
}

/// One reslice of one table, with its intent in the catalog.
struct Attempt {
    table: Arc<Table>,
    sources: Vec<Arc<Partition>>,
    children: Vec<PartitionRecord>,
}

impl Table {
    /// Replaces partitions by others that own the same keys. Requests go on meanwhile; writes are
    /// held for the time of the cutover and then go on. One at a time per table. Once begun, it
    /// runs to its end even if the caller goes away.
    pub async fn reslice(self: &Arc<Self>, request: Reslice) -> Result<ResliceReport> {
        let held = self.begin_workflow()?;
        let table = self.clone();
        let run = tokio::spawn(async move {
            let done = run(&table, request).await;
            drop(held);
            done
        });
        run.await.unwrap_or_else(interrupted)
    }
}

async fn run(table: &Arc<Table>, request: Reslice) -> Result<ResliceReport> {
    let begun = Instant::now();
    // Left over if an earlier attempt could not even be undone.
    undo::undo_unpublished(&table.shared, &table.object).await?;
    let plan = Plan::new(&table.partition_map(), &request)?;
    let attempt = Attempt::journal(table, plan).await?;
    match attempt.carry_out(begun).await {
        Ok(report) => Ok(report),
        Err(error @ (StorageError::Undecided(_) | StorageError::TakenOver(_))) => Err(error),
        Err(error) => {
            tracing::warn!(table = table.name(), %error, "a reslice failed and is undone");
            // If this fails too, the next attempt or the next start does it.
            undo::undo_unpublished(&table.shared, &table.object).await?;
            Err(error)
        }
    }
}

impl Attempt {
    /// Writes the intent, and with it numbers children whose paths were never used.
    async fn journal(table: &Arc<Table>, plan: Plan) -> Result<Self> {
        let routes = table.routes();
        let sources: Vec<Arc<Partition>> = routes.partitions[plan.sources.clone()].to_vec();
        let source_ids: Vec<PartitionId> = sources.iter().map(|source| source.id()).collect();
        let now_ms = table.shared.clock.now_ms();
        let retired_max = table.shared.settings.retired_max;
        let intend = |record: &mut TableRecord| {
            if record.rekey.is_some() {
                return Err(StorageError::Busy(record.name.clone()));
            }
            if record.retired.len() >= retired_max {
                return Err(StorageError::Refused(format!(
                    "table {} has {} retired partitions that others still borrow from, and {retired_max} \
                     is the most: housekeeping has to let go of some first; try again later",
                    record.name,
                    record.retired.len()
                )));
            }
            let ids = record.take_partition_ids(plan.children.len());
            let numbered = ids.into_iter().zip(&plan.children);
            let children: Vec<PartitionRecord> =
                numbered.map(|(id, range)| PartitionRecord::new(id, range, now_ms)).collect();
            record.reslice = Some(ResliceRecord {
                sources: source_ids,
                children: children.clone(),
                started_ms: now_ms,
            });
            Ok(children)
        };
        let children = table.object.update(intend).await?;
        Ok(Self { table: table.clone(), sources, children })
    }

    async fn carry_out(self, begun: Instant) -> Result<ResliceReport> {
        let shared = self.table.shared.clone();
        shared.reached(FaultPoint::ResliceJournaled).await?;
        let preparing = Instant::now();
        prepare(&shared.settings, &self.sources).await?;
        shared.reached(FaultPoint::ReslicePrepared).await?;
        let made = Made::make(&self).await?;
        let (making, prepare_ms) = (made.parts, ms_since(preparing));
        let mut cutover = Cutover::begin(&self, made).await?;
        let publishing = Instant::now();
        let epoch = match self.publish().await {
            Ok(epoch) => epoch,
            Err(error) => return Err(self.not_published(cutover, error).await),
        };
        cutover.parts.publish_ms = ms_since(publishing);
        // From here on there is no way back: a failure that is asked for has no effect, a kill has.
        let _ = shared.reached(FaultPoint::ReslicePublished).await;
        let pause_ms = making.hold_ms + ms_since(cutover.begun);
        let report = ResliceReport {
            sources: self.sources.iter().map(|source| source.id()).collect(),
            children: cutover.children.iter().map(|child| child.info().clone()).collect(),
            epoch,
            prepare_ms,
            making,
            pause_ms,
            pause: cutover.parts,
            total_ms: ms_since(begun),
        };
        self.release(cutover, epoch).await;
        Ok(report)
    }

    /// The compare-and-set that makes the children the owners.
    async fn publish(&self) -> Result<u64> {
        let retired_ms = self.table.shared.clock.now_ms();
        let publish = |record: &mut TableRecord| {
            let missing = || StorageError::Conflict(self.table.name().to_owned());
            let reslice = record.reslice.take().ok_or_else(missing)?;
            let first = reslice.sources.first().copied();
            let at = record.partitions.iter().position(|p| Some(p.id) == first);
            let at = at.ok_or_else(missing)?;
            record.partitions.splice(at..at + reslice.sources.len(), reslice.children);
            record
                .retired
                .extend(reslice.sources.into_iter().map(|id| RetiredRecord { id, retired_ms }));
            record.epoch += 1;
            Ok(record.epoch)
        };
        self.table.object.publish(publish).await
    }

    /// What to do with the gates and the children when publishing failed.
    async fn not_published(&self, mut cutover: Cutover, error: StorageError) -> StorageError {
        // The other process may have found the new map, and then nobody but us would write here.
        if let StorageError::Undecided(object) | StorageError::TakenOver(object) = &error {
            self.table.set_undecided();
            for gate in &mut cutover.gates {
                **gate = Gate::Undecided(object.clone());
            }
        }
        drop(cutover.gates);
        close_all(&cutover.children).await;
        error
    }

    /// Sends requests to the children and closes the parents in the background.
    async fn release(self, cutover: Cutover, epoch: u64) {
        let Self { table, sources, .. } = self;
        let routes = table.routes();
        let mut partitions = routes.partitions.clone();
        let first = sources[0].id();
        let at = partitions.iter().position(|partition| partition.id() == first);
        let at = at.expect("only this workflow changes the routes");
        table.watch_over(&cutover.children);
        // Before anybody can write to the children.
        Partition::hand_down_rows(&sources, &cutover.children);
        partitions.splice(at..at + sources.len(), cutover.children);
        table.set_routes(Routes::new(table.id(), epoch, routes.order, partitions));
        for source in &sources {
            source.retire();
        }
        for mut gate in cutover.gates {
            *gate = Gate::Retired;
        }
        let _ = table.shared.reached(FaultPoint::ResliceReleased).await;
        table.object.tidy().await;
        let closing = table.closing.clone().read_owned().await;
        tokio::spawn(async move {
            close_all(&sources).await;
            table.forget_in_log(&sources).await;
            drop(closing);
            let _ = table.shared.reached(FaultPoint::ResliceCleaned).await;
        });
    }
}

/// Leaves little to do for the moment in which writes are held: while traffic runs, waits until compactions have
/// made room, and flushes the memtables that hold much.
pub(crate) async fn prepare(settings: &StorageSettings, sources: &[Arc<Partition>]) -> Result<()> {
    let limits = FlushLimits::new(settings);
    let bound_ms = settings.prepare_ms_max;
    let prepare = |source: Arc<Partition>| async move {
        source.room_to_flush(&limits).await?;
        match source.unflushed_bytes() >= PREPARE_FLUSH_BYTES_MIN {
            true => source.flush().await,
            false => Ok(()),
        }
    };
    let prepared = join_all(sources.iter().cloned().map(prepare));
    match timeout(Duration::from_millis(bound_ms), prepared).await {
        Ok(prepared) => prepared.into_iter().collect(),
        Err(_) => Err(StorageError::TooSlow { step: "preparation", bound_ms }),
    }
}

/// Closes partitions that no request can reach any more. A failure to close loses nothing: all of
/// their content is in files that others have taken over, or never counted.
pub(crate) async fn close_all(partitions: &[Arc<Partition>]) {
    for partition in partitions {
        if let Err(error) = partition.close().await {
            tracing::warn!(partition = %partition.id(), %error, "closing a partition failed");
        }
    }
}

fn interrupted<T>(stopped: tokio::task::JoinError) -> Result<T> {
    Err(StorageError::Interrupted(stopped.to_string()))
}

pub(crate) fn ms_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1_000.0
}

/// What several adjacent partitions own together.
fn union_of(ranges: &[&KeyRange]) -> Option<KeyRange> {
    let (first, last) = (ranges.first()?, ranges.last()?);
    Some(KeyRange::new(first.start.clone(), last.end.clone()))
}
