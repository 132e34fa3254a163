//! Housekeeping in the troughs: which of storage's compactions may run now.
//!
//! Children of a reslice borrow their parents' files until they are written anew. That is what a
//! re-partitioning costs in the end, and it is put where the forecast has the least load
//! (`planner::trough`), within the bytes per minute that may move (`planner::gradual`). What has waited
//! for long is done anyway.

use crate::error::ManagerError;
use crate::shared::Shared;
use planner::gradual::Admission;
use planner::trough::{Waiting, place};
use std::collections::HashMap;
use storage::MaintainReport;
use types::{PartitionId, TableId};

/// A compaction that was paid for is not paid for again within this time: it is under way.
const PAID_FOR_REAL_MS: i64 = 600_000;

/// What waits for its time.
#[derive(Debug, Default)]
pub(crate) struct Housekeeping {
    partitions: HashMap<(TableId, PartitionId), Chore>,
}

/// The compaction of one partition.
#[derive(Clone, Copy, Debug)]
struct Chore {
    /// Since when it has been wanted, on the service's clock.
    since_ms: i64,
    /// How much it would write anew.
    bytes: u64,
    /// When it was paid for, in real time.
    paid_real_ms: Option<i64>,
    /// When storage asked last, in real time.
    asked_real_ms: i64,
}

/// Lets storage tidy up, as far as it is the time for it.
pub(crate) async fn tidy(shared: &Shared) -> Result<MaintainReport, ManagerError> {
    let mut may = |table, partition, bytes| may_rewrite(shared, table, partition, bytes);
    let report = shared.components.storage.maintain_within(&mut may).await?;
    let real_ms = shared.real_ms();
    let asked_lately = |chore: &Chore| real_ms - chore.asked_real_ms < PAID_FOR_REAL_MS;
    shared.housekeeping.lock().partitions.retain(|_, chore| asked_lately(chore));
    let tables = shared.snapshots.load();
    shared.ledger.lock().retain(|table| tables.contains_key(&table));
    Ok(report)
}

fn may_rewrite(shared: &Shared, table: TableId, partition: PartitionId, bytes: u64) -> bool {
    let (now_ms, real_ms) = (shared.components.clock.now_ms(), shared.real_ms());
    let fresh = Chore { since_ms: now_ms, bytes, paid_real_ms: None, asked_real_ms: real_ms };
    let mut housekeeping = shared.housekeeping.lock();
    let chore = housekeeping.partitions.entry((table, partition)).or_insert(fresh);
    (chore.asked_real_ms, chore.bytes) = (real_ms, bytes);
    if chore.paid_real_ms.is_some_and(|paid_ms| real_ms - paid_ms < PAID_FOR_REAL_MS) {
        return true;
    }
    let waiting = housekeeping.waiting(table, partition);
    let snapshots = shared.snapshots.load();
    let placed = snapshots
        .get(&table)
        .is_none_or(|s| place(&s.view, &waiting, &shared.settings.trough).is_now());
    let paid = placed && shared.ledger.lock().move_bytes(table, bytes, real_ms) == Admission::Go;
    if paid {
        let paid = Chore { paid_real_ms: Some(real_ms), ..fresh };
        housekeeping.partitions.insert((table, partition), paid);
    }
    paid
}

impl Housekeeping {
    /// What waits, seen from one partition that does.
    fn waiting(&self, table: TableId, partition: PartitionId) -> Waiting {
        let unpaid = || self.partitions.iter().filter(|(_, chore)| chore.paid_real_ms.is_none());
        Waiting {
            since_ms: self.partitions.get(&(table, partition)).map_or(i64::MAX, |c| c.since_ms),
            node_bytes: unpaid().map(|(_, chore)| chore.bytes).sum(),
            table_partitions: unpaid().filter(|((of, _), _)| *of == table).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_added_up_and_what_was_paid_for_does_not_wait() {
        let chore =
            |bytes, paid_real_ms| Chore { since_ms: 5, bytes, paid_real_ms, asked_real_ms: 0 };
        let id = |table, partition| (TableId(table), PartitionId(partition));
        let partitions = HashMap::from([
            (id(1, 1), chore(10, None)),
            (id(1, 2), chore(20, None)),
            (id(1, 3), chore(40, Some(1))),
            (id(2, 1), chore(80, None)),
        ]);
        let waiting = Housekeeping { partitions }.waiting(TableId(1), PartitionId(1));
        assert_eq!(waiting, Waiting { since_ms: 5, node_bytes: 110, table_partitions: 2 });
    }
}
