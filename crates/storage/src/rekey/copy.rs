//! Filling the new order from the old one, partition by partition, while requests go on.
//!
//! One task per partition of the old order does two things in turn. It **applies** what was captured:
//! for each key that was written, the value of now goes to the new order, and then the record that
//! named it is deleted. And it copies a **chunk** of what is left, as it is now.
//!
//! Why that is right, at any moment and after a crash at any moment:
//!
//! - A chunk is read from a view that was opened after the last records were applied, and is written
//!   before more are. So a write that the view does not show has a record that is applied later; a value
//!   that was applied before is in the view, or a newer one is. No old value ever replaces a newer one.
//! - What is applied is the newest durable value, and a record is durable together with its write. So
//!   whatever order writes and records come in, the last record of a key is applied after its last write.
//! - A record is deleted when what it caused is durable; the position in the catalog moves when what lies
//!   before it is. Doing either twice changes nothing.

use super::children::Children;
use super::control::{Control, Copied, RekeyPhase};
use super::{Attempt, CopiedRecord};
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::partition::Partition;
use crate::partition::capture::{Capture, key_in, number_of, record_key};
use crate::record::HexKey;
use crate::record::table::TableRecord;
use crate::scan::successor;
use crate::table::Table;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::try_join_all;
use parking_lot::Mutex;
use slatedb::config::{DurabilityLevel, ReadOptions};
use slatedb::{IterationOrder, WriteBatch};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use types::KeyRange;

/// How many partitions copy a chunk at the same time; each has it in memory.
const CHUNKS_AT_ONCE: usize = 4;
/// How many captured keys are applied at once.
const RECORDS_AT_ONCE: usize = 1_000;
/// How many of their values are read at once.
const READS_AT_ONCE: usize = 16;
/// With so many captured keys left, all partitions together, a cutover is short.
const CAUGHT_UP_RECORDS: usize = 2_000;
/// How often the rest is applied before the gates are closed.
const APPROACHES_MAX: usize = 8;
/// The pauses of a partition that is copied, and of one that waits for its next chunk, before they
/// look for captured keys again.
const IDLE_MS: u64 = 10;
const PACED_MS_MAX: u64 = 50;

/// One partition being copied.
pub(super) struct Copy {
    table: Arc<Table>,
    control: Arc<Control>,
    source: Arc<Partition>,
    capture: Arc<Capture>,
    children: Arc<Children>,
    /// All records with smaller numbers are applied.
    applied_below: u64,
    copied: Copied,
    /// When the rate allows the next chunk.
    next_chunk: Instant,
}

/// What the copying tasks of one table share.
struct Together {
    chunks: Semaphore,
    /// How far each is, by index.
    copied: Mutex<Vec<Copied>>,
    /// Of those that have nothing left to copy, how many captured keys they found when they looked
    /// last; of the others, too many.
    behind: Vec<AtomicUsize>,
}

impl Together {
    fn caught_up(&self) -> bool {
        let behind = self.behind.iter().map(|behind| behind.load(Ordering::SeqCst));
        behind.fold(0, usize::saturating_add) <= CAUGHT_UP_RECORDS
    }
}

impl Attempt {
    /// One for each partition, as far as the catalog says that it is copied.
    pub(super) fn copies(
        &self,
        captures: Vec<Arc<Capture>>,
        children: &Arc<Children>,
    ) -> Vec<Copy> {
        let captured_max = self.table.shared.settings.rekey_captured_max;
        let copy = |(source, capture): (&Arc<Partition>, Arc<Capture>)| {
            capture.backlog().bind(captured_max);
            Copy {
                table: self.table.clone(),
                control: self.control.clone(),
                copied: copied(source, &self.record.copied),
                source: source.clone(),
                capture,
                children: children.clone(),
                applied_below: 0,
                next_chunk: Instant::now(),
            }
        };
        self.sources.iter().zip(captures).map(copy).collect()
    }

    /// Copies until little is left to apply; writes down now and then how far it is.
    pub(super) async fn copy_all(&self, copies: Vec<Copy>) -> Result<Vec<Copy>> {
        let together = Arc::new(Together {
            chunks: Semaphore::new(CHUNKS_AT_ONCE),
            copied: Mutex::new(copies.iter().map(|copy| copy.copied.clone()).collect()),
            behind: copies.iter().map(|_| AtomicUsize::new(usize::MAX)).collect(),
        });
        let mut tasks = JoinSet::new();
        for (at, copy) in copies.into_iter().enumerate() {
            tasks.spawn(copy.until_caught_up(at, together.clone()));
        }
        let save = Duration::from_millis(self.table.shared.settings.rekey_save_ms.max(1));
        let mut saved = together.copied.lock().clone();
        let mut done = Vec::new();
        loop {
            let ended = tokio::time::timeout(save, tasks.join_next()).await;
            match ended {
                // One that fails takes the others along when the set is dropped; each of their steps
                // may be repeated.
                Ok(Some(ended)) => {
                    let interrupted = |error: tokio::task::JoinError| {
                        StorageError::Interrupted(error.to_string())
                    };
                    done.push(ended.map_err(interrupted)??);
                }
                Ok(None) => break,
                Err(_) => {
                    let now = together.copied.lock().clone();
                    if now != saved {
                        self.save(&now).await?;
                        saved = now;
                    }
                }
            }
        }
        let now = together.copied.lock().clone();
        self.save(&now).await?;
        done.sort_by_key(|(at, _): &(usize, Copy)| *at);
        Ok(done.into_iter().map(|(_, copy)| copy).collect())
    }

    async fn save(&self, copied: &[Copied]) -> Result<()> {
        let record = |copied: &Copied| CopiedRecord {
            source: copied.source,
            left: copied.left.as_ref().map(|left| HexKey(left.start.clone())),
            items: copied.items,
            bytes: copied.bytes,
        };
        let copied: Vec<CopiedRecord> = copied.iter().map(record).collect();
        let change = |record: &mut TableRecord| {
            let missing = || StorageError::Conflict(self.table.name().to_owned());
            record.rekey.as_mut().ok_or_else(missing)?.copied = copied;
            Ok(())
        };
        self.table.object.update(change).await?;
        self.table.shared.reached(FaultPoint::RekeySaved).await
    }
}

/// How far the catalog says that a partition is copied.
fn copied(source: &Partition, records: &[CopiedRecord]) -> Copied {
    let (id, range) = (source.id(), &source.info().range);
    match records.iter().find(|record| record.source == id) {
        None => Copied { source: id, left: Some(range.clone()), items: 0, bytes: 0 },
        Some(record) => {
            let left = record.left.as_ref();
            let left = left.map(|start| KeyRange::new(start.0.clone(), range.end.clone()));
            Copied { source: id, left, items: record.items, bytes: record.bytes }
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Nobody copies any more, so nobody has to wait for it.
        self.capture.backlog().end();
    }
}

impl Copy {
    /// Copies all, and goes on applying until all partitions have caught up.
    async fn until_caught_up(
        mut self,
        at: usize,
        together: Arc<Together>,
    ) -> Result<(usize, Self)> {
        loop {
            self.control.check()?;
            match self.table.room().await {
                // A rekey has more patience than a writer.
                Err(StorageError::LogFull { .. }) => continue,
                room => room?,
            }
            let applied = self.apply().await?;
            if self.copied.left.is_some() {
                let wait = self.next_chunk.saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    self.next_chunk = Instant::now() + self.chunk(at, &together).await?;
                } else {
                    tokio::time::sleep(wait.min(Duration::from_millis(PACED_MS_MAX))).await;
                }
                continue;
            }
            together.behind[at].store(applied, Ordering::SeqCst);
            if together.caught_up() {
                return Ok((at, self));
            }
            self.control.set_phase_if_all_copied(&together.behind);
            if applied == 0 {
                tokio::time::sleep(Duration::from_millis(IDLE_MS)).await;
            }
        }
    }

    /// Copies some of what is left; answers how long to wait before the next.
    async fn chunk(&mut self, at: usize, together: &Together) -> Result<Duration> {
        let Some(left) = self.copied.left.clone() else {
            return Ok(Duration::ZERO);
        };
        let _permit = together.chunks.acquire().await.map_err(|_| StorageError::Closed)?;
        let Some(_usage) = self.source.enter() else {
            return Err(StorageError::Closed);
        };
        let settings = &self.table.shared.settings;
        let mut rows = self.source.read_rows(left.clone(), settings.scan_ahead_bytes).await?;
        let mut changes = self.children.changes();
        let (mut items, mut bytes, mut last) = (0, 0, None);
        let rest = loop {
            let Some(row) = self.source.in_time(rows.next()).await? else {
                break None;
            };
            items += 1;
            bytes += (row.key.len() + row.value.len()) as u64;
            changes.set(&row.key, Some(row.value))?;
            last = Some(row.key);
            if bytes >= settings.rekey_chunk_bytes as u64 {
                break last.as_ref().map(|key| KeyRange::new(successor(key), left.end.clone()));
            }
        };
        if last.is_some() {
            changes.write().await?;
            self.table.shared.reached(FaultPoint::RekeyCopied).await?;
        }
        self.copied.left = rest;
        self.copied.items += items;
        self.copied.bytes += bytes;
        together.copied.lock()[at] = self.copied.clone();
        Ok(self.control.copied(items, bytes))
    }

    /// Copies the keys once more that were written since this was last called; answers how many
    /// records named them.
    pub(super) async fn apply(&mut self) -> Result<usize> {
        let Some(_usage) = self.source.enter() else {
            return Err(StorageError::Closed);
        };
        let end = self.capture.complete_below();
        // Then all records up to there are seen.
        self.source.all_durable().await?;
        let mut applied = 0;
        while self.applied_below < end {
            let (records, keys) = self.captured(end).await?;
            if records.is_empty() {
                self.applied_up_to(end);
                break;
            }
            self.copy_once_more(&keys).await?;
            self.table.shared.reached(FaultPoint::RekeyApplied).await?;
            let next = records.last().map_or(end, |number| number + 1);
            let mut done = WriteBatch::new();
            for number in &records {
                done.delete(record_key(*number));
            }
            self.source.hand_over_batch(done, 0).await?;
            // Only now: cut short before, the next attempt finds them again.
            self.applied_up_to(next);
            applied += records.len();
        }
        Ok(applied)
    }

    fn applied_up_to(&mut self, number: u64) {
        self.applied_below = number;
        self.capture.applied_below(number);
    }

    /// The next records before `end`, and the keys that they name.
    async fn captured(&self, end: u64) -> Result<(Vec<u64>, BTreeSet<Bytes>)> {
        let mut rows = self.source.records(self.applied_below, IterationOrder::Ascending).await?;
        let (mut records, mut keys) = (Vec::new(), BTreeSet::new());
        while records.len() < RECORDS_AT_ONCE {
            let Some(row) = self.source.in_time(rows.next()).await? else { break };
            let wrong =
                |reason| StorageError::Corrupt { path: self.source.path().to_string(), reason };
            let number =
                number_of(&row.key).ok_or_else(|| wrong("a captured key without number".into()))?;
            if number >= end {
                break;
            }
            records.push(number);
            keys.insert(key_in(&row.value).map_err(wrong)?);
        }
        Ok((records, keys))
    }

    async fn copy_once_more(&self, keys: &BTreeSet<Bytes>) -> Result<()> {
        let options = ReadOptions::new().with_durability_filter(DurabilityLevel::Remote);
        let read = |key: Bytes| {
            let options = options.clone();
            async move {
                let value = self.source.db().get_with_options(&key, &options);
                Ok::<_, StorageError>((key.clone(), self.source.in_time(value).await?))
            }
        };
        let values: Vec<_> = futures::stream::iter(keys.iter().cloned().map(read))
            .buffered(READS_AT_ONCE)
            .collect()
            .await;
        let mut changes = self.children.changes();
        for value in values {
            let (key, value) = value?;
            changes.set(&key, value)?;
        }
        changes.write().await
    }

    /// Applies all that there is, with the gate closed, and makes sure that nothing is left.
    pub(super) async fn drain(&mut self) -> Result<()> {
        self.apply().await?;
        self.source.all_durable().await?;
        let mut left = self.source.records(0, IterationOrder::Ascending).await?;
        match self.source.in_time(left.next()).await? {
            None => Ok(()),
            Some(row) => Err(StorageError::Invariant {
                object: self.source.path().to_string(),
                reason: format!("a captured key was not applied: {}", row.value.escape_ascii()),
            }),
        }
    }
}

impl Control {
    /// Says so when everything is copied.
    fn set_phase_if_all_copied(&self, behind: &[AtomicUsize]) {
        if behind.iter().all(|behind| behind.load(Ordering::SeqCst) != usize::MAX) {
            self.set_phase(RekeyPhase::CatchingUp);
        }
    }
}

/// Applies what was captured until so little is left that a cutover is short, or it does not become
/// less any more.
pub(super) async fn approach(copies: &mut [Copy]) -> Result<()> {
    for _ in 0..APPROACHES_MAX {
        let applied = try_join_all(copies.iter_mut().map(Copy::apply)).await?;
        if applied.into_iter().sum::<usize>() <= CAUGHT_UP_RECORDS {
            break;
        }
    }
    Ok(())
}

/// Drains all of them at once.
pub(super) async fn drain_all(copies: &mut [Copy]) -> Result<()> {
    try_join_all(copies.iter_mut().map(Copy::drain)).await.map(|_| ())
}
