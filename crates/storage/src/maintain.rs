//! Housekeeping that may wait for a quiet hour: letting go of retired parents.
//!
//! A child of a reslice borrows its parents' files. To make it independent, its files are compacted
//! into files of its own; then the engine's collector takes the parents off the child's list, and
//! a parent that is on nobody's list is deleted. Each call does what can be done at the moment and
//! does not wait: a compaction takes effect for a later call.
//!
//! The list that counts is not only the stored one. An open database works with a state in memory
//! that follows the stored one at its polls, and reads that have begun work with an older one still.
//! So a parent goes when it has been on no list, in memory either, for as long as a scan may take
//! (`scan_grace_ms`).
//!
//! A partition that nobody writes to for a while is compacted, too, if its files hold much that was
//! overwritten: the engine by itself leaves up to three runs of the same keys beside each other, and
//! many files.
//!
//! Databases that a backup, or a table that was restored from one, needs are not deleted here: the table forgets them,
//! and whoever has been the last to need one deletes it or hands it back ([`backup`](crate::backup)).
//!
//! Grandparents need no special care: a child's list names every database that it borrows from,
//! however old, and a retired database counts for nobody.

use crate::backup::register::path_of;
use crate::engine::Lender;
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::partition::Partition;
use crate::record::DatabaseId;
use crate::record::table::{RetiredRecord, TableRecord};
use crate::scan::Direction;
use crate::storage::Storage;
use crate::table::{Decision, Table};
use bytes::Bytes;
use object_store::path::Path;
use parking_lot::Mutex;
use slatedb::VersionedManifest;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use types::{PartitionId, TableId};

/// A quiet partition is compacted if one part in this many of its largest run lies beside it.
const UNTIDY_PART: u64 = 8;

/// What a call of [`Storage::maintain`] found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaintainReport {
    /// Partitions that still borrow files from retired parents.
    pub borrowing: u64,
    /// Compactions that were asked for, to end the borrowing or to make quiet partitions smaller.
    pub compactions: u64,
    /// Compactions that were not, because they may not be now.
    pub postponed: u64,
    /// Retired parents that are kept because somebody borrows from them.
    pub parents_kept: u64,
    /// Retired parents that were deleted.
    pub parents_deleted: u64,
}

/// Says whether so many bytes of a partition may be written anew now.
pub type MayRewrite<'a> = &'a mut (dyn FnMut(TableId, PartitionId, u64) -> bool + Send);

impl Storage {
    /// Moves every partition a step towards files of its own, and deletes retired parents that
    /// nobody needs. Best called in a trough of the load, now and then. Tables in which another
    /// workflow is under way are left for the next call.
    pub async fn maintain(&self) -> Result<MaintainReport> {
        self.maintain_within(&mut |_, _, _| true).await
    }

    /// The same, as far as somebody lets files be written anew; the rest waits for a later call.
    pub async fn maintain_within(&self, may: MayRewrite<'_>) -> Result<MaintainReport> {
        let mut report = MaintainReport::default();
        self.tidy_backups().await?;
        for table in self.tables() {
            let Ok(_workflow) = table.begin_workflow() else {
                continue;
            };
            table.object.confirm().await?;
            let lenders = detach(&table, may, &mut report).await?;
            self.delete_unneeded(&table, &lenders, &mut report).await?;
            self.give_back(&table, &lenders).await?;
        }
        Ok(report)
    }
}

/// The databases that a table's partitions borrow from.
#[derive(Debug, Default)]
struct Lenders {
    /// Those on a partition's list: some state of it that is still pinned may show files of theirs.
    listed: HashSet<Path>,
    /// Those whose files the newest states show. The others may be listed for as long as a backup is kept.
    used: HashSet<Path>,
}

impl Lenders {
    fn add(&mut self, lenders: Vec<Lender>) {
        for Lender { path, files } in lenders {
            if files > 0 {
                self.used.insert(path.clone());
            }
            self.listed.insert(path);
        }
    }
}

/// Asks the partitions to become independent; answers which databases they still need.
async fn detach(
    table: &Arc<Table>,
    may: MayRewrite<'_>,
    report: &mut MaintainReport,
) -> Result<Lenders> {
    let mut lenders = Lenders::default();
    for partition in &table.routes().partitions {
        let needed = detach_partition(table, partition, may, report).await?;
        report.borrowing += u64::from(!needed.is_empty());
        lenders.add(needed);
    }
    Ok(lenders)
}

async fn detach_partition(
    table: &Arc<Table>,
    partition: &Arc<Partition>,
    may: MayRewrite<'_>,
    report: &mut MaintainReport,
) -> Result<Vec<Lender>> {
    let engine = &table.shared.engine;
    let before = engine.lenders(partition.path()).await?;
    let mut needed = Lender::all(&partition.db().manifest());
    if before.is_empty() {
        if partition.was_quiet() {
            tidy_quiet(table, partition, may, report).await?;
        }
        return Ok(needed);
    }
    if before.iter().any(|lender| lender.files > 0) {
        compact_all(table, partition, may, report);
    } else {
        engine.forget_lenders(partition.path()).await?;
    }
    needed.extend(engine.lenders(partition.path()).await?);
    Ok(needed)
}

/// Asks for a compaction of all that a partition shows, if it may be.
fn compact_all(
    table: &Table,
    partition: &Partition,
    may: MayRewrite<'_>,
    report: &mut MaintainReport,
) {
    let bytes = sizes(&partition.db().manifest()).iter().sum();
    if may(table.id(), partition.id(), bytes) {
        report.compactions += u64::from(table.shared.engine.compact_all(partition.path()));
    } else {
        report.postponed += 1;
    }
}

/// Makes a partition small to which nobody writes.
async fn tidy_quiet(
    table: &Arc<Table>,
    partition: &Arc<Partition>,
    may: MayRewrite<'_>,
    report: &mut MaintainReport,
) -> Result<()> {
    let manifest = partition.db().manifest();
    if is_untidy(&manifest) {
        compact_all(table, partition, may, report);
    } else if holds_garbage(&manifest) {
        stir(table, partition).await?;
    }
    Ok(())
}

/// Whether files that a compaction has replaced may lie about for good: the engine deletes no file
/// that is younger than the newest unsorted one, because that might be one that nobody has named yet.
fn holds_garbage(manifest: &VersionedManifest) -> bool {
    let newest_l0 = manifest.l0().iter().map(|view| view.sst.id.value()).max();
    let runs = manifest.compacted().iter().flat_map(|run| run.sst_views());
    runs.map(|view| view.sst.id.value()).max() > newest_l0
}

/// Writes one row once more, as it is, and flushes it: a new unsorted file.
async fn stir(table: &Arc<Table>, partition: &Arc<Partition>) -> Result<()> {
    let first = table.scan(partition.info().range.clone(), Direction::Forward).next().await?;
    let Some((key, _)) = first else {
        return Ok(());
    };
    let as_it_is = |old: Option<&Bytes>| match old {
        Some(old) => Decision::Put(old.clone(), ()),
        None => Decision::Keep(()),
    };
    table.read_modify_write(&key, as_it_is).await?;
    partition.flush().await
}

/// Whether there is much beside the largest run: versions that were replaced, mostly, or keys that
/// were never brought together.
fn is_untidy(manifest: &VersionedManifest) -> bool {
    let sizes = sizes(manifest);
    let largest = sizes.iter().max().copied().unwrap_or(0);
    let beside = sizes.iter().sum::<u64>() - largest;
    beside > largest / UNTIDY_PART
}

/// How large the unsorted files and the sorted runs of a partition are.
fn sizes(manifest: &VersionedManifest) -> Vec<u64> {
    let files = manifest.l0().iter().map(|view| view.estimate_size());
    let runs = manifest.compacted().iter().map(|run| run.estimate_size());
    files.chain(runs).collect()
}

/// Since when databases have been seen to be needed by no partition that serves.
#[derive(Debug, Default)]
pub(crate) struct Unneeded(Mutex<HashMap<DatabaseId, Instant>>);

impl Unneeded {
    /// Whether a database that is needed now, or not, has not been for at least `grace`.
    fn for_long(&self, id: DatabaseId, needed: bool, grace: Duration) -> bool {
        let mut since = self.0.lock();
        if needed {
            since.remove(&id);
            return false;
        }
        since.entry(id).or_insert_with(Instant::now).elapsed() >= grace
    }

    fn forget(&self, id: DatabaseId) {
        self.0.lock().remove(&id);
    }
}

/// The lenders are those of the partitions that are served here: they say nothing about the retired
/// partitions of any other map.
fn check_served(table: &Table, record: &TableRecord) -> Result<()> {
    let routes = table.routes();
    let served = routes.partitions.iter().map(|partition| partition.id());
    match served.eq(record.partitions.iter().map(|partition| partition.id)) {
        true => Ok(()),
        false => Err(StorageError::Conflict(table.name().to_owned())),
    }
}

impl Storage {
    /// Deletes retired databases that are closed and on nobody's list. Those that backups or other tables need
    /// are theirs as soon as no partition shows files of them.
    async fn delete_unneeded(
        &self,
        table: &Table,
        lenders: &Lenders,
        report: &mut MaintainReport,
    ) -> Result<()> {
        let Some(record) = table.object.record().await? else {
            return Ok(());
        };
        check_served(table, &record)?;
        // Parents whose last readers have not left are still open.
        let all_closed = table.closing.try_write().is_ok();
        let grace = Duration::from_millis(table.shared.settings.scan_grace_ms);
        for RetiredRecord { id: partition, .. } in record.retired {
            let id = DatabaseId { table: table.id(), partition };
            let path = path_of(id);
            let is_on = |list: &HashSet<Path>| !all_closed || list.contains(&path);
            let unlisted = table.unneeded.for_long(id, is_on(&lenders.listed), grace);
            let unused = table.unused.for_long(id, is_on(&lenders.used), grace);
            if !unused {
                report.parents_kept += 1;
                continue;
            }
            let _keeping = table.shared.backups.keeping.lock().await;
            if self.needed_beside(table.id()).await?.contains(&id) {
                forget_retired(table, partition).await?;
            } else if unlisted {
                delete_retired(table, partition, &path).await?;
                report.parents_deleted += 1;
            } else {
                report.parents_kept += 1;
            }
        }
        Ok(())
    }

    /// Lets go of databases of other tables that a restored one has borrowed from and does not any more.
    async fn give_back(&self, table: &Table, lenders: &Lenders) -> Result<()> {
        let Some(record) = table.object.record().await? else {
            return Ok(());
        };
        // One that was replaced and is still read may borrow, too.
        let all_closed = table.closing.try_write().is_ok();
        let grace = Duration::from_millis(table.shared.settings.scan_grace_ms);
        for id in record.borrows {
            let is_listed = !all_closed || lenders.listed.contains(&path_of(id));
            if !table.unneeded.for_long(id, is_listed, grace) {
                continue;
            }
            let _keeping = table.shared.backups.keeping.lock().await;
            if !self.needed_beside(table.id()).await?.contains(&id) {
                table.object.confirm().await?;
                self.release(id).await?;
            }
            let given_back = |record: &mut TableRecord| {
                record.borrows.retain(|borrowed| *borrowed != id);
                Ok(())
            };
            table.object.update(given_back).await?;
            table.unneeded.forget(id);
        }
        Ok(())
    }
}

async fn delete_retired(table: &Table, id: PartitionId, path: &Path) -> Result<()> {
    let shared = &table.shared;
    shared.reached(FaultPoint::RetireDeleting).await?;
    table.object.confirm().await?;
    shared.engine.delete(path).await?;
    shared.directory.remove_empty(path.as_ref())?;
    shared.reached(FaultPoint::RetireDeleted).await?;
    forget_retired(table, id).await
}

async fn forget_retired(table: &Table, id: PartitionId) -> Result<()> {
    let forget = |record: &mut TableRecord| {
        record.retired.retain(|retired| retired.id != id);
        Ok(())
    };
    table.object.update(forget).await?;
    let database = DatabaseId { table: table.id(), partition: id };
    table.unneeded.forget(database);
    table.unused.forget(database);
    Ok(())
}
