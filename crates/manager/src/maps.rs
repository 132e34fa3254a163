//! Which partition maps a table has had lately: the lines of the heat map.
//!
//! Kept in memory only and bounded; what was decided and why is in the journal.

use bytes::Bytes;
use std::collections::VecDeque;
use storage::PartitionMap;

/// Partition boundaries by the time they came into force, oldest first.
#[derive(Debug)]
pub(crate) struct MapHistory {
    maps: VecDeque<(i64, Vec<Bytes>)>,
    maps_max: usize,
}

impl MapHistory {
    /// An empty history of at most `maps_max` maps.
    pub(crate) fn new(maps_max: usize) -> Self {
        Self { maps: VecDeque::new(), maps_max: maps_max.max(1) }
    }

    /// Notes that `map` is in force since `at_ms`.
    pub(crate) fn push(&mut self, at_ms: i64, map: &PartitionMap) {
        if self.maps.len() == self.maps_max {
            self.maps.pop_front();
        }
        let boundaries = map.partitions.iter().skip(1).map(|p| p.range.start.clone()).collect();
        self.maps.push_back((at_ms, boundaries));
    }

    /// All of them, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &[Bytes])> {
        self.maps.iter().map(|(at_ms, boundaries)| (*at_ms, boundaries.as_slice()))
    }
}
