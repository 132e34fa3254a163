//! Making a backup.
//!
//! | step | what | point after it |
//! |---|---|---|
//! | prepare | While traffic runs: room for flushes, and no large memtables. | |
//! | journal | The record goes to the catalog, with the databases that the checkpoints will be in. | `backup-journaled` |
//! | hold | All gates are taken. No write is under way any more; new ones queue. | `backup-gated` |
//! | cut | Each database cuts its memtable there; the gates are opened. | `backup-cut` |
//! | store | What was cut is written into files, and the manifests with the checkpoints. It is **asserted** that each has the writes up to the last that had been accepted, and no later ones. | `backup-stored` |
//! | publish | The record says where the checkpoints are: the backup is whole. | |
//!
//! A failure before the publication is undone, and a start undoes what is found unpublished: the checkpoints
//! carry the backup's name. If the publication's own outcome cannot be found out, the backup stays as it is until a
//! start decides.
//!
//! The table's partitions stay what they are from the beginning to the end: this holds the right to change them.

use super::register::{BackupObject, database_at, path_of};
use super::{BackupReport, letting_go};
use crate::engine::PendingCheckpoint;
use crate::engine::files::ShownFile;
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::partition::Partition;
use crate::record::backup::{BackupPart, BackupRecord, BackupStage};
use crate::record::{DatabaseId, HexKey};
use crate::reslice::{ms_since, prepare};
use crate::table::Table;
use futures::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use types::BackupId;

/// A backup that is being made.
pub(super) struct Making {
    table: Arc<Table>,
    id: BackupId,
    object: BackupObject,
    note: serde_json::Value,
    partitions: Vec<Arc<Partition>>,
}

/// What was decided while the gates were held.
struct Cut {
    taken_ms: i64,
    hold_ms: f64,
    parts: Vec<Result<CutPart>>,
    /// An error if the gates were opened before all was decided: then nothing of this is worth anything, but it
    /// has to be waited for.
    in_time: Result<()>,
}

/// A partition's part of it.
enum CutPart {
    /// Nothing was written since this.
    Unchanged(BackupPart),
    /// All writes up to `seq` are in it.
    Begun { seq: u64, pending: PendingCheckpoint },
}

impl Making {
    /// The caller holds the table's workflow.
    pub(super) fn new(
        table: &Arc<Table>,
        id: BackupId,
        object: BackupObject,
        note: serde_json::Value,
    ) -> Self {
        let partitions = table.routes().partitions.clone();
        Self { table: table.clone(), id, object, note, partitions }
    }

    pub(super) async fn run(self) -> Result<BackupReport> {
        let begun = Instant::now();
        let shared = self.table.shared.clone();
        prepare(&shared.settings, &self.partitions).await?;
        // Nobody deletes a checkpoint that this backup is about to share.
        let _keeping = shared.backups.keeping.lock().await;
        let record = self.journal().await?;
        match self.take(record, begun).await {
            // The record may be there as it was, or as it was to be: the next start reads it.
            Err(error @ (StorageError::Undecided(_) | StorageError::TakenOver(_))) => Err(error),
            Err(error) => {
                tracing::warn!(table = self.table.name(), %error, "a backup failed and is undone");
                if let Err(problem) = letting_go::undo(&shared, self.id).await {
                    tracing::warn!(backup = %self.id, %problem, "it is undone later");
                    shared.backups.set_stuck(self.id);
                }
                Err(error)
            }
            made => made,
        }
    }

    async fn journal(&self) -> Result<BackupRecord> {
        let shared = &self.table.shared;
        self.table.object.confirm().await?;
        let part = |partition: &Arc<Partition>| {
            let range = &partition.info().range;
            BackupPart {
                partition: partition.id(),
                start: HexKey(range.start.clone()),
                end: range.end.clone().map(HexKey),
                seq: 0,
                checkpoint: None,
                lenders: Vec::new(),
                bytes: 0,
            }
        };
        let record = BackupRecord {
            id: self.id,
            table: self.table.id(),
            table_name: self.table.name().to_owned(),
            stage: BackupStage::Making,
            begun_ms: shared.clock.now_ms(),
            taken_ms: None,
            definition: self.table.definition().as_ref().clone(),
            note: self.note.clone(),
            parts: self.partitions.iter().map(part).collect(),
            restoring: Vec::new(),
        };
        self.object.write(|_| Ok((record.clone(), ()))).await?;
        shared.backups.put(self.object.clone(), record.clone());
        Ok(record)
    }

    async fn take(&self, journaled: BackupRecord, begun: Instant) -> Result<BackupReport> {
        let shared = &self.table.shared;
        shared.reached(FaultPoint::BackupJournaled).await?;
        let cut = self.cut().await?;
        let after = shared.reached(FaultPoint::BackupCut).await;
        let (taken_ms, hold_ms) = (cut.taken_ms, cut.hold_ms);
        let is_unchanged = |part: &&Result<CutPart>| matches!(part, Ok(CutPart::Unchanged(_)));
        let unchanged = cut.parts.iter().filter(is_unchanged).count();
        // None is left behind: each has ended, in one way or the other, before anything is undone.
        let storing = self.partitions.iter().zip(journaled.parts.clone()).zip(cut.parts);
        let stored = storing.map(|((partition, part), cut)| self.store(partition, part, cut));
        let stored = join_all(stored).await;
        cut.in_time.and(after)?;
        let parts = stored.into_iter().collect::<Result<Vec<BackupPart>>>()?;
        shared.reached(FaultPoint::BackupStored).await?;
        let whole = BackupRecord {
            stage: BackupStage::Whole,
            taken_ms: Some(taken_ms),
            parts,
            ..journaled
        };
        self.object.write(|_| Ok((whole.clone(), ()))).await?;
        shared.backups.put(self.object.clone(), whole);
        let backup = shared.backups.get(self.id).ok_or(StorageError::NoSuchBackup(self.id))?;
        Ok(BackupReport { backup, unchanged, hold_ms, total_ms: ms_since(begun) })
    }

    /// Decides what the backup has: holds all writes of the table for a moment.
    async fn cut(&self) -> Result<Cut> {
        let shared = &self.table.shared;
        let bound_ms = shared.settings.cutover_ms_max;
        let bound = Duration::from_millis(bound_ms);
        let too_slow = || StorageError::TooSlow { step: "cut of the backup", bound_ms };
        let known = self
            .partitions
            .iter()
            .map(|partition| shared.backups.newest_part(database_of(&self.table, partition)));
        let known: Vec<Option<BackupPart>> = known.collect();
        let holding = Instant::now();
        let closing = join_all(self.partitions.iter().map(|partition| partition.close_gate()));
        let gates = timeout(bound, closing).await.map_err(|_| too_slow())?;
        let taken_ms = shared.clock.now_ms();
        let name = crate::record::backup::checkpoint_name(self.id);
        let partitions = self.partitions.iter().cloned();
        let cutting: Vec<_> = partitions
            .zip(known)
            .map(|(partition, known)| cut_partition(partition, known, name.clone()))
            .collect();
        // A database that is slow to cut is waited for, but not by the writers.
        let reached = shared.clone();
        let mut cutting = tokio::spawn(async move {
            reached.reached(FaultPoint::BackupGated).await?;
            Ok::<_, StorageError>(join_all(cutting).await)
        });
        let left = bound.saturating_sub(holding.elapsed());
        let cut = timeout(left, &mut cutting).await;
        drop(gates);
        let hold_ms = ms_since(holding);
        let (cut, in_time) = match cut {
            Ok(cut) => (cut, Ok(())),
            Err(_) => (cutting.await, Err(too_slow())),
        };
        let parts = cut.map_err(|stopped| StorageError::Interrupted(stopped.to_string()))??;
        Ok(Cut { taken_ms, hold_ms, parts, in_time })
    }

    /// Waits until a part is stored, and looks whether it is what it should be.
    async fn store(
        &self,
        partition: &Partition,
        journaled: BackupPart,
        cut: Result<CutPart>,
    ) -> Result<BackupPart> {
        let (seq, pending) = match cut? {
            CutPart::Unchanged(known) => return Ok(known),
            CutPart::Begun { seq, pending } => (seq, pending),
        };
        let shared = &self.table.shared;
        let id = pending.stored().await.map_err(StorageError::partition(partition.id()))?;
        let path = path_of(database_of(&self.table, partition));
        let (checkpoint, manifest) = shared.engine.kept_checkpoint(&path, &id).await?;
        if checkpoint.writer_epoch != partition.db().manifest().writer_epoch() {
            return Err(StorageError::Fenced(partition.id()));
        }
        if checkpoint.flushed_seq != seq {
            return Err(StorageError::Invariant {
                object: path.to_string(),
                reason: format!(
                    "its checkpoint holds writes up to {}, but at the instant of the backup the last was {seq}",
                    checkpoint.flushed_seq
                ),
            });
        }
        let borrowed = manifest.external_dbs().iter().filter(|lender| !lender.sst_ids.is_empty());
        let lenders = borrowed.map(|lender| {
            database_at(&lender.path).ok_or_else(|| StorageError::Corrupt {
                path: path.to_string(),
                reason: format!("it borrows files from {}, which is no partition", lender.path),
            })
        });
        let lenders = lenders.collect::<Result<Vec<DatabaseId>>>()?;
        let mut bytes = 0;
        for file in ShownFile::all(&manifest, &path) {
            bytes += file.bytes(shared.directory.store()).await?;
        }
        Ok(BackupPart { seq, checkpoint: Some(id), lenders, bytes, ..journaled })
    }
}

/// Decides what a partition's part has. Its gate is held.
async fn cut_partition(
    partition: Arc<Partition>,
    known: Option<BackupPart>,
    name: String,
) -> Result<CutPart> {
    let _nothing_else = partition.no_batches().await;
    let seq = partition.accepted_seq();
    if let Some(known) = known.filter(|known| known.seq == seq && known.checkpoint.is_some()) {
        return Ok(CutPart::Unchanged(known));
    }
    let pending = PendingCheckpoint::begin(partition.db(), name).await;
    Ok(CutPart::Begun { seq, pending: pending.map_err(StorageError::partition(partition.id()))? })
}

/// Whether nothing was written to a table since a backup.
pub(super) fn is_unchanged(table: &Table, record: &BackupRecord) -> bool {
    let routes = table.routes();
    record.table == table.id()
        && record.parts.len() == routes.partitions.len()
        && routes.partitions.iter().zip(&record.parts).all(|(partition, part)| {
            partition.id() == part.partition && partition.accepted_seq() == part.seq
        })
}

fn database_of(table: &Table, partition: &Partition) -> DatabaseId {
    DatabaseId { table: table.id(), partition: partition.id() }
}
