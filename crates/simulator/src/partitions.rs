//! The simulated table: partitions with their buckets, and what an action does to them.

use planner::bucket::{Buckets, divide};
use planner::{Action, PartitionFacts};
use types::{KeyRange, PartitionId, Units, storage_key};

/// One partition.
#[derive(Clone, Debug)]
struct Partition {
    id: PartitionId,
    range: KeyRange,
    created_ms: i64,
    buckets: Buckets,
}

/// All partitions of the table, in key order.
#[derive(Clone, Debug)]
pub(crate) struct Partitions {
    capacity: Units,
    burst_s: f64,
    next_id: u64,
    all: Vec<Partition>,
}

impl Partitions {
    /// `count` even parts of hash space with full buckets.
    pub(crate) fn new(count: u32, capacity: Units, burst_s: f64, now_ms: i64) -> Self {
        let boundaries = storage_key::even_boundaries(count.max(1));
        let ranges = KeyRange::full().cut(&boundaries).unwrap_or_default();
        let all: Vec<Partition> = (1..)
            .zip(ranges)
            .map(|(id, range)| Partition {
                id: PartitionId(id),
                range,
                created_ms: now_ms,
                buckets: Buckets::full(capacity, burst_s, now_ms),
            })
            .collect();
        Self { capacity, burst_s, next_id: all.len() as u64 + 1, all }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn ranges(&self) -> Vec<(PartitionId, KeyRange)> {
        self.all.iter().map(|partition| (partition.id, partition.range.clone())).collect()
    }

    /// What the controller is told.
    pub(crate) fn facts(&mut self, now_ms: i64) -> Vec<PartitionFacts> {
        let capacity = self.capacity;
        self.all
            .iter_mut()
            .map(|partition| PartitionFacts {
                id: partition.id,
                range: partition.range.clone(),
                capacity,
                credit: Some(partition.buckets.level(now_ms)),
                size_bytes: 0,
                created_ms: partition.created_ms,
            })
            .collect()
    }

    /// Admits or refuses a request; says which partition did.
    pub(crate) fn admit(&mut self, key: &[u8], units: Units, now_ms: i64) -> (PartitionId, bool) {
        let at = self.all.partition_point(|partition| partition.range.start.as_ref() <= key) - 1;
        let partition = &mut self.all[at];
        (partition.id, partition.buckets.try_take(units, now_ms))
    }

    /// Carries out an action; `false` if its sources are no longer there.
    pub(crate) fn apply(&mut self, action: &Action, now_ms: i64) -> bool {
        let first = action.sources.first().copied();
        let at = self.all.iter().position(|partition| Some(partition.id) == first);
        let (Some(at), Some(ranges)) = (at, action.ranges()) else {
            return false;
        };
        let end = at + action.sources.len();
        let there = self.all.get(at..end).is_some_and(|sources| {
            sources.iter().map(|source| source.id).eq(action.sources.iter().copied())
        });
        if !there {
            return false;
        }
        let credit: Units =
            self.all[at..end].iter_mut().map(|source| source.buckets.level(now_ms)).sum();
        let parts = divide(credit, &action.shares);
        let children: Vec<Partition> = ranges
            .into_iter()
            .zip(parts)
            .map(|(range, level)| {
                self.next_id += 1;
                Partition {
                    id: PartitionId(self.next_id),
                    range,
                    created_ms: now_ms,
                    buckets: Buckets::at_level(level, self.capacity, self.burst_s, now_ms),
                }
            })
            .collect();
        self.all.splice(at..end, children);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use planner::{Kind, Trigger};

    const CAPACITY: Units = Units { read: 30.0, write: 10.0 };

    fn action(sources: &[u64], range: KeyRange, boundaries: &[u64], shares: &[f64]) -> Action {
        Action {
            sources: sources.iter().map(|&id| PartitionId(id)).collect(),
            range,
            boundaries: boundaries.iter().map(|b| b.to_be_bytes().to_vec().into()).collect(),
            kind: Kind::of(sources.len(), shares.len()),
            trigger: Trigger::Manual,
            shares: shares.iter().map(|&write| Units::write(write)).collect(),
            crossing_ms: None,
            benefit: 0.0,
            cost: 0.0,
            reason: String::new(),
        }
    }

    #[test]
    fn credit_is_divided_and_added_up_never_made() {
        let mut table = Partitions::new(1, CAPACITY, 300.0, 0);
        assert!(table.admit(b"k", Units::write(1000.0), 0).1);
        let split = action(&[1], KeyRange::full(), &[1 << 62], &[3.0, 1.0]);
        assert!(table.apply(&split, 0));
        let credits: Vec<f64> = table.facts(0).iter().map(|f| f.credit.unwrap().write).collect();
        assert_eq!(credits, [1500.0, 500.0]);
        assert!(!table.apply(&split, 0), "its source is gone");

        let ids: Vec<u64> = table.facts(0).iter().map(|f| f.id.0).collect();
        assert!(table.apply(&action(&ids, KeyRange::full(), &[], &[1.0]), 0));
        assert_eq!(table.facts(0)[0].credit.unwrap().write, 2000.0);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn keys_find_their_partition() {
        let mut table = Partitions::new(4, CAPACITY, 300.0, 0);
        let owner = |table: &mut Partitions, hash: u64| {
            table.admit(&hash.to_be_bytes(), Units::ZERO, 0).0.0
        };
        assert_eq!(owner(&mut table, 0), 1);
        assert_eq!(owner(&mut table, (1 << 62) - 1), 1);
        assert_eq!(owner(&mut table, 1 << 62), 2);
        assert_eq!(owner(&mut table, u64::MAX), 4);
    }
}
