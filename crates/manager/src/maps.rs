//! Which partition maps a table has had lately: the lines of the heat map.
//!
//! Kept in memory only and bounded; what was decided and why is in the journal.

use bytes::Bytes;
use std::collections::VecDeque;
use storage::PartitionMap;

/// An action of the past, as far as boundaries are concerned.
#[derive(Clone, Debug)]
pub(crate) struct PastAction {
    /// When its map came into force.
    pub(crate) done_ms: i64,
    /// The boundaries that it made.
    pub(crate) boundaries: Vec<Bytes>,
    /// The boundaries between the partitions that it took the place of.
    pub(crate) sources: Vec<Bytes>,
}

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

    /// Puts in front of the map that this process found what the journal knows of earlier ones: each
    /// action is taken back in turn, the newest first, as long as it fits. Before the first of them the
    /// table was as it was made at `made_ms`, as far as anybody knows.
    pub(crate) fn recall(&mut self, made_ms: i64, done: &[PastAction]) {
        let Some(found) = self.maps.front_mut() else { return };
        found.0 = made_ms;
        for action in done.iter().rev() {
            let Some((since_ms, boundaries)) = self.maps.front_mut() else { return };
            if !action.boundaries.iter().all(|cut| boundaries.contains(cut)) {
                return;
            }
            let mut earlier = boundaries.clone();
            earlier.retain(|cut| !action.boundaries.contains(cut));
            earlier.extend(action.sources.iter().cloned());
            earlier.sort();
            earlier.dedup();
            *since_ms = action.done_ms;
            if self.maps.len() == self.maps_max {
                return;
            }
            self.maps.push_front((made_ms, earlier));
        }
    }

    /// All of them, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &[Bytes])> {
        self.maps.iter().map(|(at_ms, boundaries)| (*at_ms, boundaries.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&'static str]) -> Vec<Bytes> {
        keys.iter().map(|key| Bytes::from(*key)).collect()
    }

    fn found(boundaries: &[&'static str]) -> MapHistory {
        let mut maps = MapHistory::new(8);
        maps.maps.push_back((900, keys(boundaries)));
        maps
    }

    fn action(done_ms: i64, boundaries: &[&'static str], sources: &[&'static str]) -> PastAction {
        PastAction { done_ms, boundaries: keys(boundaries), sources: keys(sources) }
    }

    #[test]
    fn splits_and_merges_are_taken_back_in_turn() {
        let mut maps = found(&["g", "m"]);
        maps.recall(100, &[action(200, &["g", "k", "m"], &[]), action(300, &["m"], &["k", "m"])]);
        let seen: Vec<(i64, Vec<Bytes>)> =
            maps.iter().map(|(at_ms, cuts)| (at_ms, cuts.to_vec())).collect();
        let expected = [(100, keys(&[])), (200, keys(&["g", "k", "m"])), (300, keys(&["g", "m"]))];
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_does_not_fit_ends_it() {
        let mut maps = found(&["g"]);
        maps.recall(100, &[action(200, &["x"], &[])]);
        assert_eq!(maps.iter().collect::<Vec<_>>(), [(100, keys(&["g"]).as_slice())]);
    }
}
