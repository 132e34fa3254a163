//! Named places where a test (or an operator, by a setting of the service) can make the process
//! fail: one at every step of a workflow, around every compare-and-set of the catalog, and at the
//! steps of the node log.
//!
//! The hooks cost one virtual call per step of a workflow or per group of writes; single requests
//! do not pass any. They are compiled in always, so that what is tested is what is shipped.

use async_trait::async_trait;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a hook answers when a point is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Proceed,
    /// Fail here with [`StorageError::Injected`](crate::StorageError::Injected).
    Fail,
}

/// A hook that is told of every point; it may wait, fail, or never return.
#[async_trait]
pub trait Faults: Send + Sync + fmt::Debug {
    /// Called when `point` is reached, before anything that comes after it.
    async fn reached(&self, point: FaultPoint) -> Verdict;
}

macro_rules! fault_points {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The points, in the order in which their workflows reach them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FaultPoint { $($(#[$doc])* $variant,)* }

        impl FaultPoint {
            /// All points.
            pub const ALL: &'static [FaultPoint] = &[$(FaultPoint::$variant,)*];

            /// The name used in settings and messages.
            pub fn name(self) -> &'static str {
                match self { $(FaultPoint::$variant => $name,)* }
            }
        }
    };
}

fault_points! {
    /// A catalog object is about to be written.
    CatalogWriting = "catalog-writing",
    /// A catalog object was written, but the writer does not know yet. Failing here makes the
    /// outcome unknown.
    CatalogWritten = "catalog-written",
    /// A new table has its number and nothing else.
    CreateNumbered = "create-numbered",
    /// A new table's databases exist, its catalog object does not.
    CreatePrepared = "create-prepared",
    /// The catalog says that a table is being dropped; its data are there.
    DropJournaled = "drop-journaled",
    /// A dropped table's data are deleted; the catalog still says that it is being dropped.
    DropDeleted = "drop-deleted",
    /// The intent to reslice is in the catalog.
    ResliceJournaled = "reslice-journaled",
    /// The parents' memtables were flushed while traffic ran.
    ReslicePrepared = "reslice-prepared",
    /// Everything that is written to the parents from here on is kept, to be written to the children.
    ResliceKeeping = "reslice-keeping",
    /// What was accepted before is in the manifests that will be cloned.
    ResliceSealed = "reslice-sealed",
    /// The first child exists, the others do not.
    ResliceFirstCloned = "reslice-first-cloned",
    /// All children exist.
    ResliceCloned = "reslice-cloned",
    /// All children are open for writing, and reachable for nobody.
    ResliceOpened = "reslice-opened",
    /// Most of what was kept is in the children.
    ResliceCaughtUp = "reslice-caught-up",
    /// The parents' gates are closed and the writes that had passed are in the engine.
    ResliceGated = "reslice-gated",
    /// All that was ever accepted is durable in the children; the next step publishes them.
    ResliceDrained = "reslice-drained",
    /// The new partition map is in the catalog; requests still go by the old one.
    ReslicePublished = "reslice-published",
    /// Requests go to the children; the parents are still open.
    ResliceReleased = "reslice-released",
    /// The parents are closed.
    ResliceCleaned = "reslice-cleaned",
    /// Undoing a reslice: nothing is deleted yet.
    UndoStarted = "undo-started",
    /// Undoing a reslice: the children are deleted, the intent is still in the catalog.
    UndoDeleted = "undo-deleted",
    /// The intent to rekey is in the catalog; nothing else is there.
    RekeyJournaled = "rekey-journaled",
    /// The partitions of the new order are there, empty, and the catalog says so.
    RekeyMade = "rekey-made",
    /// Every write is captured from here on.
    RekeyCapturing = "rekey-capturing",
    /// Some items are durable in the new order; the catalog does not say so yet.
    RekeyCopied = "rekey-copied",
    /// The catalog says how far a partition is copied.
    RekeySaved = "rekey-saved",
    /// Captured writes are durable in the new order; what captured them is still there.
    RekeyApplied = "rekey-applied",
    /// Everything is copied, and what is written meanwhile follows closely.
    RekeyCaughtUp = "rekey-caught-up",
    /// All gates are closed and the writes that had passed are in the engine.
    RekeyGated = "rekey-gated",
    /// All that was ever accepted is durable in the new order; the next step publishes it.
    RekeyDrained = "rekey-drained",
    /// The new order is in the catalog; requests still go by the old one.
    RekeyPublished = "rekey-published",
    /// Requests go by the new order; scans that had begun still read the old one.
    RekeyReleased = "rekey-released",
    /// The partitions of the old order are closed.
    RekeyCleaned = "rekey-cleaned",
    /// Undoing a rekey: the catalog says so, nothing is deleted yet.
    RekeyUndoing = "rekey-undoing",
    /// Undoing a rekey: the new partitions are deleted, the catalog still names them.
    RekeyUndoDeleted = "rekey-undo-deleted",
    /// A backup is in the catalog, but for its checkpoints; none is made yet.
    BackupJournaled = "backup-journaled",
    /// All gates of the table are closed; what the backup has is decided next.
    BackupGated = "backup-gated",
    /// What the backup has is decided and the gates are open; its checkpoints are being stored.
    BackupCut = "backup-cut",
    /// All checkpoints of a backup are stored; the catalog does not say so yet.
    BackupStored = "backup-stored",
    /// Undoing a backup: its checkpoints are gone, its record is there.
    BackupUndone = "backup-undone",
    /// The catalog says that a backup is being deleted; all that it pinned is there.
    BackupDeleting = "backup-deleting",
    /// A deleted backup's checkpoints are gone, and databases that were kept for it only; its record is there.
    BackupReleased = "backup-released",
    /// A restored table's databases are there, but not open; the catalog does not name them.
    RestoreCloned = "restore-cloned",
    /// A retired parent is about to be deleted.
    RetireDeleting = "retire-deleting",
    /// A retired parent's data are deleted; the catalog still lists it.
    RetireDeleted = "retire-deleted",
    /// A group of writes is in the node log's file, but not forced onto the disk. Failing here, or at
    /// any of the log's points, stops all writes until a restart, as a failure of the disk does.
    LogFrameWritten = "log-frame-written",
    /// A group of writes is on the disk, but no writer has been told.
    LogFrameSynced = "log-frame-synced",
    /// A new segment of the node log is on the disk, but has no name yet.
    LogSegmentPrepared = "log-segment-prepared",
    /// A new segment has its name and takes the next group.
    LogSegmentRolled = "log-segment-rolled",
    /// The marks that say that the oldest segment is not needed are on the disk.
    LogSegmentReleased = "log-segment-released",
    /// The oldest segment is removed.
    LogSegmentRemoved = "log-segment-removed",
}

impl fmt::Display for FaultPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The hook of a normal run: always goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFaults;

#[async_trait]
impl Faults for NoFaults {
    async fn reached(&self, _point: FaultPoint) -> Verdict {
        Verdict::Proceed
    }
}

/// Ends the process abruptly, without any cleanup, the n-th time a point is reached.
#[derive(Debug)]
pub struct KillAt {
    point: FaultPoint,
    remaining: AtomicU64,
}

impl KillAt {
    /// Reads `name` or `name:n`, such as `reslice-cloned` or `catalog-written:3`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, nth) = match text.split_once(':') {
            Some((name, nth)) => {
                let nth = nth.parse().ok().filter(|nth| *nth > 0);
                (name, nth.ok_or_else(|| format!("{text}: write a count from 1 after the colon"))?)
            }
            None => (text, 1),
        };
        let point = FaultPoint::ALL.iter().find(|point| point.name() == name).ok_or_else(|| {
            let known: Vec<_> = FaultPoint::ALL.iter().map(|point| point.name()).collect();
            format!("no fault point is called {name}; there are {}", known.join(", "))
        })?;
        Ok(Self { point: *point, remaining: AtomicU64::new(nth) })
    }
}

#[async_trait]
impl Faults for KillAt {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        if point == self.point && self.remaining.fetch_sub(1, Ordering::SeqCst) == 1 {
            tracing::error!(%point, "ending the process, as asked");
            std::process::abort();
        }
        Verdict::Proceed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_found_by_its_name() {
        for point in FaultPoint::ALL {
            assert_eq!(KillAt::parse(point.name()).unwrap().point, *point);
        }
    }

    #[test]
    fn a_wrong_name_is_refused_with_the_list() {
        let error = KillAt::parse("reslice-half-done").unwrap_err();
        assert!(error.contains("reslice-half-done") && error.contains("reslice-cloned"), "{error}");
        assert!(KillAt::parse("catalog-written:0").is_err());
    }
}
