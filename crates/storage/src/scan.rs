//! Scans: the keys of a range in order, in either direction, across partitions.
//!
//! A scan remembers what is left to read. It reads one partition after the other, holding each
//! only while it reads there; when that partition is replaced, or its view has become old, it takes
//! the route again and goes on with what is left. So no key is read twice or left out, however
//! the map changes meanwhile. If the key order changes, it goes on in the one in which it began.

use crate::error::{Result, StorageError};
use crate::map::AXIS_END;
use crate::partition::{Partition, Usage};
use crate::table::{Place, Previous, Table};
use bytes::{BufMut, Bytes, BytesMut};
use slatedb::config::{DurabilityLevel, ScanOptions};
use slatedb::{DbIterator, IterationOrder};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use types::KeyRange;

/// The order in which a scan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From small keys to large ones.
    Forward,
    /// From large keys to small ones.
    Backward,
}

/// A scan under way. It holds little memory, whatever its range.
pub struct Scan {
    table: Arc<Table>,
    /// The key order in which it began, and goes on.
    order: u64,
    direction: Direction,
    /// What has not been read yet.
    left: KeyRange,
    view: Option<View>,
}

/// One partition's part of what is left, as it was at one moment.
struct View {
    partition: Arc<Partition>,
    /// Set if the partition says only which keys there are, see `table::order`.
    previous: Option<Arc<Previous>>,
    _usage: Usage,
    rows: DbIterator,
    opened: Instant,
}

impl Scan {
    pub(crate) fn new(
        table: Arc<Table>,
        order: u64,
        range: KeyRange,
        direction: Direction,
    ) -> Self {
        Self { table, order, direction, left: range, view: None }
    }

    /// The next key and its value; `None` when the range is read.
    pub async fn next(&mut self) -> Result<Option<(Bytes, Bytes)>> {
        while !self.left.is_empty() {
            // A view whose read has failed is not kept: who asks again gets a new one.
            let mut view = match self.view.take() {
                Some(view) if !self.must_renew(&view) => view,
                _ => self.open_view().await?,
            };
            match view.partition.in_time(view.rows.next()).await? {
                Some(row) => {
                    let value = match &view.previous {
                        None => Some(row.value),
                        Some(previous) => self.table.get_by_previous(previous, &row.key).await?,
                    };
                    self.view = Some(view);
                    self.pass_key(&row.key);
                    if let Some(value) = value {
                        return Ok(Some((row.key, value)));
                    }
                }
                None => {
                    let range = view.partition.info().range.clone();
                    if !self.pass_partition(&range) {
                        break;
                    }
                }
            }
        }
        self.left = KeyRange::new(Bytes::new(), Some(Bytes::new()));
        Ok(None)
    }

    /// A replaced partition waits for its readers to leave; one of an order that is no more gets no
    /// writes any more; an old view may miss files that a compaction has replaced and garbage collection
    /// has deleted.
    fn must_renew(&self, view: &View) -> bool {
        let age_max = Duration::from_millis(self.table.shared.settings.scan_grace_ms / 2);
        let rekeyed = view.previous.is_none() && self.table.order() != self.order;
        rekeyed || view.partition.is_retired() || view.opened.elapsed() > age_max
    }

    async fn open_view(&self) -> Result<View> {
        let Place { partition, usage, previous } =
            self.table.enter_scan(self.order, |map| match self.direction {
                Direction::Forward => map.index_of(&self.left.start),
                Direction::Backward => map.index_before(self.left.end.as_deref()),
            })?;
        let opened = Instant::now();
        let options = ScanOptions::new()
            .with_durability_filter(DurabilityLevel::Remote)
            .with_read_ahead_bytes(self.table.shared.settings.scan_ahead_bytes)
            .with_cache_blocks(true)
            .with_order(match self.direction {
                Direction::Forward => IterationOrder::Ascending,
                Direction::Backward => IterationOrder::Descending,
            });
        let range = self.left.intersection(&partition.info().range).ok_or_else(|| {
            StorageError::Invariant {
                object: format!("partition map of table {}", self.table.name()),
                reason: format!("{} does not contain what the scan has left", partition.id()),
            }
        })?;
        let end = range.end.unwrap_or_else(|| Bytes::from_static(&AXIS_END));
        let scan = partition.db().scan_with_options(range.start..end, &options);
        let rows = partition.in_time(scan).await?;
        Ok(View { partition, previous, _usage: usage, rows, opened })
    }

    /// Notes that `key` was read.
    fn pass_key(&mut self, key: &Bytes) {
        match self.direction {
            Direction::Forward => self.left.start = successor(key),
            Direction::Backward => self.left.end = Some(key.clone()),
        }
    }

    /// Notes that nothing more is in a partition's `range`; false if that was the last one.
    fn pass_partition(&mut self, range: &KeyRange) -> bool {
        match self.direction {
            Direction::Forward => match &range.end {
                Some(end) => self.left.start = end.clone(),
                None => return false,
            },
            Direction::Backward if range.start.is_empty() => return false,
            Direction::Backward => self.left.end = Some(range.start.clone()),
        }
        true
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan")
            .field("table", &self.table.name())
            .field("direction", &self.direction)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// The smallest key above `key`.
pub(crate) fn successor(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}
