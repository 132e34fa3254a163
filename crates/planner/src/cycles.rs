//! Which ranges were merged and then divided again: one such cycle per season is allowed.
//!
//! Merging further what was merged before is the same half of a cycle (a table shrinks step by step in
//! the evening) and is not held against a range; only what has been merged *and* divided since counts.
//! Fed with the ranges of partitions before and after each change, whoever made it.

use std::ops::Range;
use types::KeyRange;

/// How long a merge is remembered: longer than the cycle setting, which is less than a day.
const MERGES_KEPT_MS: i64 = 2 * 24 * 3_600_000;

/// The most merges that are remembered; the oldest are forgotten first.
const MERGES_MAX: usize = 256;
/// Of a merge divided again in more parts than this, the whole counts as divided.
const PARTS_MAX: usize = 16;

/// The merges of one table.
#[derive(Clone, Debug, Default)]
pub struct Cycles {
    merges: Vec<Merge>,
}

#[derive(Clone, Debug)]
struct Merge {
    range: KeyRange,
    at_ms: i64,
    /// The parts of it that were divided again.
    divided: Vec<KeyRange>,
}

impl Cycles {
    /// Takes up what a journal says; as it does not say what came after, all count as divided.
    pub fn resume(merged: Vec<(KeyRange, i64)>) -> Self {
        let merge =
            |(range, at_ms): (KeyRange, i64)| Merge { divided: vec![range.clone()], range, at_ms };
        Self { merges: merged.into_iter().map(merge).collect() }
    }

    /// Notes a change of partitions, both in key order and tiling the axis.
    pub fn follow(&mut self, before: &[KeyRange], after: &[KeyRange], at_ms: i64) {
        for (old, new) in changes(before, after) {
            let range = KeyRange {
                start: before[old.start].start.clone(),
                end: before[old.end - 1].end.clone(),
            };
            if new.len() > old.len() {
                for merge in &mut self.merges {
                    merge.divide(&range);
                }
            } else if new.len() < old.len() {
                self.merges.push(Merge { range, at_ms, divided: Vec::new() });
            }
        }
        self.merges.retain(|merge| at_ms - merge.at_ms < MERGES_KEPT_MS);
        self.merges.drain(..self.merges.len().saturating_sub(MERGES_MAX));
    }

    /// When a part of `range` was last merged, if it was divided again since.
    pub fn last_ms(&self, range: &KeyRange) -> Option<i64> {
        let again =
            |merge: &&Merge| merge.divided.iter().any(|part| part.intersection(range).is_some());
        let here = self.merges.iter().filter(again);
        here.map(|merge| merge.at_ms).max()
    }
}

impl Merge {
    /// Partitions in `range` were divided.
    fn divide(&mut self, range: &KeyRange) {
        let Some(part) = self.range.intersection(range) else { return };
        if self.divided.iter().any(|known| known.covers(&part)) {
            return;
        }
        if self.divided.len() == PARTS_MAX {
            self.divided.clear();
            self.divided.push(self.range.clone());
        } else {
            self.divided.push(part);
        }
    }
}

/// What lies between boundaries that stayed and is not what it was: partitions before, and after.
pub fn changes(before: &[KeyRange], after: &[KeyRange]) -> Vec<(Range<usize>, Range<usize>)> {
    let mut changes = Vec::new();
    let (mut old, mut new) = (0, 0);
    while old < before.len() && new < after.len() {
        let (mut old_end, mut new_end) = (old + 1, new + 1);
        while let (Some(left), Some(right)) = (before.get(old_end), after.get(new_end)) {
            match left.start.cmp(&right.start) {
                std::cmp::Ordering::Less => old_end += 1,
                std::cmp::Ordering::Greater => new_end += 1,
                std::cmp::Ordering::Equal => break,
            }
        }
        if old_end >= before.len() || new_end >= after.len() {
            (old_end, new_end) = (before.len(), after.len());
        }
        if old_end - old > 1 || new_end - new > 1 {
            changes.push((old..old_end, new..new_end));
        }
        (old, new) = (old_end, new_end);
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::range_between;

    fn parts(cuts: &[f64]) -> Vec<KeyRange> {
        let ends = cuts.iter().copied().chain([1.0]);
        std::iter::once(0.0)
            .chain(cuts.iter().copied())
            .zip(ends)
            .map(|(a, b)| range_between(a, b))
            .collect()
    }

    #[test]
    fn changes_lie_between_boundaries_that_stay() {
        let (before, after) = (parts(&[0.2, 0.5, 0.8]), parts(&[0.1, 0.2, 0.6, 0.8]));
        // 0 to .2 was divided, .2 to .8 has another boundary, .8 to 1 stayed.
        assert_eq!(changes(&before, &after), [(0..1, 0..2), (1..3, 2..4)]);
        assert_eq!(changes(&before, &before), []);
        assert_eq!(changes(&parts(&[0.5]), &parts(&[])), [(0..2, 0..1)]);
        assert_eq!(changes(&parts(&[]), &parts(&[0.3, 0.6])), [(0..1, 0..3)]);
        assert_eq!(changes(&parts(&[0.3, 0.5]), &parts(&[0.4])), [(0..3, 0..2)]);
    }

    #[test]
    fn merging_on_is_no_cycle_and_dividing_again_is() {
        let mut cycles = Cycles::default();
        cycles.follow(&parts(&[0.25, 0.5, 0.75]), &parts(&[0.5, 0.75]), 10);
        cycles.follow(&parts(&[0.5, 0.75]), &parts(&[0.75]), 20);
        let left = range_between(0.0, 0.1);
        assert_eq!(cycles.last_ms(&left), None, "still the same half of the cycle");
        cycles.follow(&parts(&[0.75]), &parts(&[0.3, 0.75]), 30);
        assert_eq!(cycles.last_ms(&left), Some(20));
        assert_eq!(cycles.last_ms(&range_between(0.8, 0.9)), None);
        cycles.follow(&parts(&[0.3, 0.75]), &parts(&[]), 40);
        cycles.follow(&parts(&[]), &parts(&[0.5]), 50);
        cycles.follow(&parts(&[0.5]), &parts(&[0.5, 0.9]), 60);
        assert_eq!(cycles.last_ms(&range_between(0.95, 1.0)), Some(40));
        assert_eq!(Cycles::resume(vec![(left.clone(), 7)]).last_ms(&left), Some(7));
    }
}
