//! How many items a table holds, for DescribeTable.
//!
//! Nobody counts writes: storage does not know whether a put replaces an item, and a counter that two
//! crashes disagree about is worse than none. So items are counted by reading: of each partition at most
//! [`ROWS_MAX`], which is exact for partitions that have no more; what larger ones have is estimated from
//! their stored bytes and the mean size of the rows that were read. DescribeTable answers with the last count and
//! starts the next one when the stored bytes have changed since; counting takes at most one part in [`REST`] of the time.
//! DynamoDB's own count is up to six hours old.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use storage::{Direction, PartitionSize, StorageError};
use tokio::time::Instant;

use crate::tables::ServedTable;

/// The most rows that are read of a partition.
const ROWS_MAX: u64 = 5_000;
/// After a count that took so long, so many times as long nothing is counted ...
const REST: u32 = 20;
/// ... and at least for this long.
const REST_MIN: Duration = Duration::from_millis(500);

/// The count of one table.
#[derive(Debug, Default)]
pub(crate) struct ItemCount(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The last count, and the bytes that the table had then.
    counted: Option<(u64, u64)>,
    /// Nothing is counted before.
    rest_until: Option<Instant>,
    counting: bool,
}

impl State {
    /// Whether a table of so many bytes is to be counted now.
    fn is_due(&self, bytes: u64, now: Instant) -> bool {
        let changed = self.counted.is_none_or(|(_, counted)| counted != bytes);
        changed && !self.counting && self.rest_until.is_none_or(|until| until <= now)
    }
}

impl ItemCount {
    /// The items of `served` by the last count; counts anew in the background if that is due.
    pub(crate) fn of(served: &Arc<ServedTable>, sizes: &[PartitionSize]) -> u64 {
        let bytes = sizes.iter().map(|size| size.live_bytes).sum();
        let mut state = served.item_count.0.lock();
        if state.is_due(bytes, Instant::now()) {
            state.counting = true;
            tokio::spawn(recount(Arc::clone(served), sizes.to_vec()));
        }
        state.counted.map_or(0, |(items, _)| items)
    }
}

async fn recount(served: Arc<ServedTable>, sizes: Vec<PartitionSize>) {
    let begun = Instant::now();
    let items = count(&served, &sizes).await;
    let ended = Instant::now();
    let mut state = served.item_count.0.lock();
    state.counting = false;
    state.rest_until = Some(ended + ((ended - begun) * REST).max(REST_MIN));
    match items {
        Ok(items) => {
            state.counted = Some((items, sizes.iter().map(|size| size.live_bytes).sum()));
        }
        // It may be gone, or its order may have changed; the next DescribeTable asks again.
        Err(error) => {
            tracing::debug!(table = served.table.name(), %error, "items were not counted")
        }
    }
}

async fn count(served: &ServedTable, sizes: &[PartitionSize]) -> Result<u64, StorageError> {
    let map = served.table.partition_map();
    let mut items = 0;
    for partition in &map.partitions {
        let mut rows = served.items().scan(partition.range.clone(), Direction::Forward);
        let mut read = Read::default();
        while read.rows < ROWS_MAX
            && let Some((key, value)) = rows.next().await?
        {
            read.rows += 1;
            read.bytes += (key.len() + value.len()) as u64;
        }
        let size = sizes.iter().find(|size| size.id == partition.id);
        items += read.items(size.map_or(0, |size| size.live_bytes));
    }
    Ok(items)
}

/// What was read of a partition.
#[derive(Debug, Default)]
struct Read {
    rows: u64,
    bytes: u64,
}

impl Read {
    /// How many items a partition of so many bytes has.
    fn items(&self, live_bytes: u64) -> u64 {
        if self.rows < ROWS_MAX {
            return self.rows;
        }
        let mean_bytes = self.bytes as f64 / self.rows as f64;
        ((live_bytes as f64 / mean_bytes).round() as u64).max(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_counted_and_many_are_estimated() {
        assert_eq!(Read { rows: 7, bytes: 700 }.items(1_000_000), 7);
        let many = Read { rows: ROWS_MAX, bytes: ROWS_MAX * 100 };
        assert_eq!(many.items(10_000_000), 100_000);
        assert_eq!(many.items(0), ROWS_MAX, "what was read is there");
    }

    #[test]
    fn a_table_is_counted_when_it_has_changed_and_not_all_the_time() {
        let now = Instant::now();
        let mut state = State::default();
        assert!(state.is_due(0, now), "never counted");
        state.counted = Some((3, 99));
        assert!(!state.is_due(99, now), "nothing was written");
        assert!(state.is_due(100, now));
        state.rest_until = Some(now + REST_MIN);
        assert!(!state.is_due(100, now) && state.is_due(100, now + REST_MIN));
        state.counting = true;
        assert!(!state.is_due(100, now + REST_MIN));
    }
}
