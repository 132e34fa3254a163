//! The partition map as others see it: which partition owns which part of the key axis.

use types::{KeyRange, PartitionId, TableId};

/// Where every table's key axis ends. No storage key is this large (docs/adr/0002-key-layout.md):
/// keys from here on are reserved for records that belong to a partition and not to a key. Clones
/// and scans end here.
pub const AXIS_END: [u8; 9] = [0xff; 9];

/// Whether the database of a partition that owns `range` may hold `key`: also one of the reserved area.
pub(crate) fn may_hold(range: &KeyRange, key: &[u8]) -> bool {
    range.contains(key) || key >= AXIS_END.as_slice()
}

/// One partition of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Its number, never used twice in a table.
    pub id: PartitionId,
    /// The keys it owns.
    pub range: KeyRange,
    /// When it was made, by the store's clock.
    pub created_ms: i64,
}

/// A table's partitions at one epoch, in the order of the key axis; together they tile it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMap {
    /// The table.
    pub table: TableId,
    /// Grows by one with every new map of the table.
    pub epoch: u64,
    /// Never empty.
    pub partitions: Vec<PartitionInfo>,
}

impl PartitionMap {
    /// Which of `partitions` owns `key`, by index.
    pub fn index_of(&self, key: &[u8]) -> usize {
        let after = self.partitions.partition_point(|p| p.range.start.as_ref() <= key);
        after.saturating_sub(1)
    }

    /// Which partition owns `key`.
    pub fn partition_of(&self, key: &[u8]) -> &PartitionInfo {
        &self.partitions[self.index_of(key)]
    }

    /// The partition of this number, if it is in the map.
    pub fn get(&self, id: PartitionId) -> Option<&PartitionInfo> {
        self.partitions.iter().find(|partition| partition.id == id)
    }

    /// Which partition owns the last keys before `end`, by index; without an `end`, the last one.
    pub(crate) fn index_before(&self, end: Option<&[u8]>) -> usize {
        let Some(end) = end else {
            return self.partitions.len().saturating_sub(1);
        };
        let after = self.partitions.partition_point(|p| p.range.start.as_ref() < end);
        after.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn map() -> PartitionMap {
        let ranges = KeyRange::full().cut(&[Bytes::from("g"), Bytes::from("p")]).unwrap();
        let partitions = ranges
            .into_iter()
            .zip(0..)
            .map(|(range, id)| PartitionInfo { id: PartitionId(id), range, created_ms: 0 })
            .collect();
        PartitionMap { table: TableId(1), epoch: 1, partitions }
    }

    #[test]
    fn a_key_belongs_to_the_partition_that_contains_it() {
        let map = map();
        for (key, id) in [("", 0), ("a", 0), ("g", 1), ("oz", 1), ("p", 2), ("zz", 2)] {
            assert_eq!(map.partition_of(key.as_bytes()).id, PartitionId(id), "{key}");
            assert!(map.partition_of(key.as_bytes()).range.contains(key.as_bytes()));
        }
    }

    #[test]
    fn an_end_belongs_to_the_partition_that_ends_there() {
        let map = map();
        for (end, index) in [(Some("a"), 0), (Some("g"), 0), (Some("ga"), 1), (None, 2)] {
            assert_eq!(map.index_before(end.map(str::as_bytes)), index, "{end:?}");
        }
    }
}
