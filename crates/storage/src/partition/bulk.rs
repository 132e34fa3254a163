//! What a change of the key order does with a partition's database: it reads and writes many keys at
//! once, past latches and gate, where nobody else writes them. A backup of the partition that is copied from needs
//! to know its last write all the same, so batches have a lock of their own.

use super::Partition;
use super::capture::{Capture, number_of, record_key, records_end};
use crate::error::{Result, StorageError};
use crate::map::AXIS_END;
use bytes::Bytes;
use slatedb::config::{DurabilityLevel, ScanOptions, WriteOptions};
use slatedb::{DbIterator, IterationOrder, WriteBatch, WriteHandle};
use std::sync::Arc;
use tokio::sync::RwLockWriteGuard;
use types::KeyRange;

/// How many records of captured keys are deleted in one batch.
const DELETES_AT_ONCE: usize = 1_000;

impl Partition {
    /// Notes every key that is written from now on. When this returns, all writes that are not noted are
    /// durable.
    pub(crate) async fn start_capture(&self) -> Result<Arc<Capture>> {
        let capture = {
            // Nobody is between judging and handing over meanwhile.
            let _gate = self.close_gate().await;
            match self.capture.load_full() {
                Some(capture) => capture,
                None => self.capture_from_here().await?,
            }
        };
        self.all_durable().await?;
        Ok(capture)
    }

    /// Notes every key that is written. For a partition that nobody writes to at the moment.
    pub(crate) async fn capture_from_here(&self) -> Result<Arc<Capture>> {
        // Records of before are still to be read.
        let newest = self.record_at_the(IterationOrder::Descending).await?;
        let oldest = self.record_at_the(IterationOrder::Ascending).await?;
        let next = newest.map_or(0, |number| number + 1);
        let capture = Arc::new(Capture::from(oldest.unwrap_or(next), next));
        self.capture.store(Some(capture.clone()));
        Ok(capture)
    }

    /// The number of the first record that comes in this order.
    async fn record_at_the(&self, order: IterationOrder) -> Result<Option<u64>> {
        let first = self.records(0, order).await?.next().await;
        let first = first.map_err(StorageError::partition(self.id()))?;
        Ok(first.and_then(|row| number_of(&row.key)))
    }

    /// How many captured keys have still to be copied, and how many writers wait for that.
    pub(crate) fn captured(&self) -> (u64, u64) {
        let capture = self.capture.load();
        let backlog = capture.as_ref().map(|capture| capture.backlog());
        backlog.map_or((0, 0), |backlog| (backlog.outstanding(), backlog.waiting()))
    }

    /// Whether every key that is written is noted.
    pub(crate) fn captures(&self) -> bool {
        self.capture.load().is_some()
    }

    /// Notes nothing any more. What was noted stays where it is until the partition is replaced.
    pub(crate) async fn stop_capture(&self) {
        let _gate = self.close_gate().await;
        if let Some(capture) = self.capture.swap(None) {
            capture.backlog().end();
        }
    }

    /// Waits until everything that was accepted before this call is durable.
    pub(crate) async fn all_durable(&self) -> Result<()> {
        let accepted = self.accepted_seq();
        let mut status = self.db.subscribe();
        loop {
            if self.is_durable(accepted) {
                return Ok(());
            }
            if let Some(wal) = &self.wal {
                wal.check()?;
            }
            if status.borrow_and_update().close_reason.is_some() {
                return Err(StorageError::Closed);
            }
            if self.is_durable(accepted) {
                return Ok(());
            }
            match &self.wal {
                Some(wal) => wal.progress(&mut status).await?,
                None => status.changed().await.map_err(|_| StorageError::Closed)?,
            }
        }
    }

    /// The durable rows of a part of the key axis, in order.
    pub(crate) async fn read_rows(
        &self,
        range: KeyRange,
        ahead_bytes: usize,
    ) -> Result<DbIterator> {
        let options = ScanOptions::new()
            .with_durability_filter(DurabilityLevel::Remote)
            .with_read_ahead_bytes(ahead_bytes);
        let end = range.end.unwrap_or_else(|| Bytes::from_static(&AXIS_END));
        self.in_time(self.db.scan_with_options(range.start..end, &options)).await
    }

    /// The durable records of captured keys, from the number `from` on.
    pub(crate) async fn records(&self, from: u64, order: IterationOrder) -> Result<DbIterator> {
        let options =
            ScanOptions::new().with_durability_filter(DurabilityLevel::Remote).with_order(order);
        let range = record_key(from)..records_end();
        self.in_time(self.db.scan_with_options(range, &options)).await
    }

    /// While this is held, and the gate, nothing at all is handed over. A rekey deletes the records of what it
    /// has copied whenever that is; the gate is not for it.
    pub(crate) async fn no_batches(&self) -> RwLockWriteGuard<'_, ()> {
        self.bulk.write().await
    }

    /// Hands a batch to the engine, for keys that nobody else writes.
    pub(crate) async fn hand_over_batch(
        &self,
        batch: WriteBatch,
        bytes: u64,
    ) -> Result<WriteHandle> {
        let _handing = self.bulk.read().await;
        self.handed_bytes.fetch_add(bytes, std::sync::atomic::Ordering::SeqCst);
        let handed = self.db.write_with_options(batch, &WriteOptions::default()).await;
        let handle = handed.map_err(StorageError::partition(self.id()))?;
        self.accepted_seq.fetch_max(handle.seqnum(), std::sync::atomic::Ordering::SeqCst);
        if let Some(committer) = &self.committer {
            committer.wake();
        }
        Ok(handle)
    }

    /// The same, and waits until it is durable.
    pub(crate) async fn write_batch(&self, batch: WriteBatch, bytes: u64) -> Result<()> {
        let handle = self.hand_over_batch(batch, bytes).await?;
        self.durable(&handle).await
    }

    /// Deletes all records of captured keys.
    pub(crate) async fn forget_captured(&self) -> Result<()> {
        let mut records = self.records(0, IterationOrder::Ascending).await?;
        let mut batch = WriteBatch::new();
        let mut deletes = 0;
        while let Some(row) = self.in_time(records.next()).await? {
            batch.delete(row.key);
            deletes += 1;
            if deletes == DELETES_AT_ONCE {
                self.hand_over_batch(std::mem::take(&mut batch), 0).await?;
                deletes = 0;
            }
        }
        if !batch.is_empty() {
            self.hand_over_batch(batch, 0).await?;
        }
        Ok(())
    }
}
