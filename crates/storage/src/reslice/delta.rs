//! What is written to the parents while the children are made, on its way to the children.
//!
//! From [`Delta::begin`] on every change is kept. What was accepted before is in the files that the
//! children are cloned from ([`Delta::pin`] asserts it), and of what was kept those changes that are not:
//! sequence numbers say which. Changes of one key are taken in the order in which they were made, and one
//! lot is handed to the children before the next is taken; so a child never goes back to an older one.
//! When the gates are closed nothing comes any more, and [`Delta::finish`] asserts that nothing is missing.

use crate::error::{Result, StorageError};
use crate::partition::Partition;
use crate::partition::tee::{KeptChange, Taken, Tee, Useless};
use crate::reslice::ms_since;
use crate::settings::StorageSettings;
use crate::table::Table;
use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use slatedb::WriteBatch;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use types::KeyRange;

/// The children write so much in one batch.
const BATCH_BYTES: u64 = 1 << 20;
/// With so many changes left a cutover is short.
const CAUGHT_UP_CHANGES: usize = 200;
/// How often what was kept is written before the gates are closed all the same.
const ROUNDS_MAX: usize = 16;

/// What is kept of all parents.
pub(super) struct Delta {
    sources: Vec<Source>,
    /// How long writes were held to begin.
    pub(super) hold_ms: f64,
}

struct Source {
    partition: Arc<Partition>,
    tee: Arc<Tee>,
    /// What was accepted up to this one was not kept.
    not_kept_seq: u64,
    /// What was accepted up to this one is in the files that are cloned.
    flushed_seq: u64,
    bytes_max: u64,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.partition.stop_tee();
    }
}

impl Delta {
    /// Keeps every change from now on. Writes are held until those have been handed over that have begun.
    pub(super) async fn begin(
        sources: &[Arc<Partition>],
        settings: &StorageSettings,
    ) -> Result<Self> {
        let begun = Instant::now();
        let (bytes_max, bound_ms) = (settings.reslice_kept_bytes_max, settings.cutover_ms_max);
        let keep = |partition: Arc<Partition>| async move {
            let (tee, not_kept_seq) = partition.start_tee(bytes_max).await;
            Source { partition, tee, not_kept_seq, flushed_seq: 0, bytes_max }
        };
        let keeping = join_all(sources.iter().cloned().map(keep));
        let kept = timeout(Duration::from_millis(bound_ms), keeping).await;
        let sources = kept.map_err(|_| StorageError::TooSlow { step: "beginning", bound_ms })?;
        Ok(Self { sources, hold_ms: ms_since(begun) })
    }

    /// Notes how far the state of a source goes that is cloned: at least to where keeping began.
    pub(super) fn pin(&mut self, at: usize, flushed_seq: u64) -> Result<()> {
        let source = &mut self.sources[at];
        source.flushed_seq = flushed_seq;
        match flushed_seq < source.not_kept_seq {
            true => Err(source.lacks(source.not_kept_seq)),
            false => Ok(()),
        }
    }

    /// Writes what was kept to the children until little comes meanwhile.
    pub(super) async fn catch_up(&self, table: &Table, children: &[Arc<Partition>]) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            table.room().await?;
            if self.write_kept(children).await? <= CAUGHT_UP_CHANGES {
                break;
            }
        }
        Ok(())
    }

    /// Writes the last of it; the gates are closed. Afterwards the children have all that was accepted.
    pub(super) async fn finish(&self, children: &[Arc<Partition>]) -> Result<()> {
        let durable =
            try_join_all(self.sources.iter().map(|source| source.partition.all_durable()));
        let (written, durable) = tokio::join!(self.write_kept(children), durable);
        written?;
        durable?;
        // Every write has a number of its own, and the next one.
        for source in &self.sources {
            let accepted = source.partition.accepted_seq();
            if accepted != source.not_kept_seq + source.tee.count() {
                return Err(source.lacks(accepted));
            }
        }
        Ok(())
    }

    /// Writes what was kept since this was last called, and waits until it is durable; answers how many
    /// changes that were.
    async fn write_kept(&self, children: &[Arc<Partition>]) -> Result<usize> {
        let taken = self.sources.iter().map(Source::take).collect::<Result<Vec<Taken>>>()?;
        try_join_all(children.iter().map(|child| self.write_to(child, &taken))).await?;
        for (source, taken) in self.sources.iter().zip(&taken) {
            source.tee.written(taken.bytes);
        }
        Ok(taken.iter().map(|taken| taken.changes.len()).sum())
    }

    /// Writes the part that lies in a child's range, and waits until the child is durable.
    async fn write_to(&self, child: &Partition, taken: &[Taken]) -> Result<()> {
        for Batch { rows, bytes } in self.batches(&child.info().range, taken) {
            child.hand_over_batch(rows, bytes).await?;
        }
        child.all_durable().await
    }

    /// What lies in a range and is not in the files that were cloned.
    fn batches(&self, range: &KeyRange, taken: &[Taken]) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        for (source, taken) in self.sources.iter().zip(taken) {
            for (key, KeptChange { seq, value }) in taken.changes.range::<[u8], _>(bounds(range)) {
                if *seq <= source.flushed_seq {
                    continue;
                }
                if batches.last().is_none_or(|batch| batch.bytes >= BATCH_BYTES) {
                    batches.push(Batch::default());
                }
                if let Some(Batch { rows, bytes }) = batches.last_mut() {
                    *bytes += (key.len() + value.as_ref().map_or(0, Bytes::len)) as u64;
                    match value {
                        Some(value) => rows.put_bytes(key.clone(), value.clone()),
                        None => rows.delete(key),
                    }
                }
            }
        }
        batches
    }
}

#[derive(Default)]
struct Batch {
    rows: WriteBatch,
    bytes: u64,
}

impl Source {
    fn take(&self) -> Result<Taken> {
        let id = self.partition.id();
        self.tee.take().map_err(|useless| match useless {
            Useless::Overrun => StorageError::Overrun { id, bytes_max: self.bytes_max },
            Useless::Unclear => {
                StorageError::Interrupted(format!("a write to partition {id} failed meanwhile"))
            }
        })
    }

    fn lacks(&self, accepted: u64) -> StorageError {
        StorageError::Invariant {
            object: self.partition.path().to_string(),
            reason: format!(
                "the files to be cloned hold writes up to {}, and {} were kept from {} on, but {accepted} \
                 was accepted",
                self.flushed_seq,
                self.tee.count(),
                self.not_kept_seq + 1,
            ),
        }
    }
}

fn bounds(range: &KeyRange) -> (Bound<&[u8]>, Bound<&[u8]>) {
    let end = range.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
    (Bound::Included(&range.start[..]), end)
}
