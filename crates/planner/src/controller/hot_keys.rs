//! The keys that carry much of a partition's load, and cells made around them.
//!
//! A cell may be much wider than the key that heats it: cells adapt over minutes and are few. A cut
//! made from such cells halves around the key, again and again, and never relieves it. So where the
//! sketch of the last minutes names a hot key, its cell is carved into what lies before it, the key
//! (its item collection), and what lies behind. Then one cut sets it apart, and what cannot be divided
//! is seen to be so at once.

use super::{Controller, PartitionFacts};
use crate::layout;
use crate::load::utilisation;
use crate::policy::Policy;
use crate::view::{CellView, HotKeyView};
use types::{KeyRange, Strategy, Units};
use workload::{Collector, Window};

/// How many of a table's most loaded keys are asked for.
const KEYS_MAX: usize = 32;
/// How many of a partition's keys are looked at.
const PER_PARTITION_MAX: usize = 4;
/// A key with less than this share of a partition's capacity is not hot.
const UTILISATION_MIN: f64 = 0.1;

impl<P: Policy> Controller<P> {
    /// The hot keys of a partition, the hottest first.
    pub(super) fn hot_keys_of(
        &self,
        facts: &PartitionFacts,
        keys: &[HotKeyView],
    ) -> Vec<HotKeyView> {
        let here = keys.iter().filter(|key| {
            facts.range.covers(&key.range)
                && utilisation(key.load, facts.capacity) >= UTILISATION_MIN
        });
        here.take(PER_PARTITION_MAX).cloned().collect()
    }

    /// The most loaded keys of the last five minutes.
    pub(super) fn hot_keys(&self, collector: &Collector) -> Vec<HotKeyView> {
        let strategy = self.view.strategy;
        let found = collector.hot_keys(self.view.table, Window::FiveMinutes, KEYS_MAX);
        let view = |key: workload::HotKey| {
            Some(HotKeyView {
                range: layout::collection(strategy, key.storage_key.as_bytes())?,
                key_hash: key.key_hash,
                load: Units { read: key.read_units, write: key.write_units },
                share: 0.0,
            })
        };
        found.into_iter().filter_map(view).collect()
    }
}

/// Cells in which every hot key has one of its own, as far as a cell holds all of the key.
pub(super) fn carve(
    cells: Vec<CellView>,
    keys: &[HotKeyView],
    strategy: Strategy,
) -> Vec<CellView> {
    keys.iter().fold(cells, |cells, key| {
        let around = cells.iter().position(|cell| cell.range.covers(&key.range));
        match around.filter(|at| cells[*at].range != key.range) {
            Some(at) => carve_one(cells, at, key, strategy),
            None => cells,
        }
    })
}

fn carve_one(
    mut cells: Vec<CellView>,
    at: usize,
    key: &HotKeyView,
    strategy: Strategy,
) -> Vec<CellView> {
    let cell = &cells[at];
    let Some(ranges) = cell.range.cut(&layout::boundaries_around(&cell.range, &key.range)) else {
        return cells;
    };
    let share = Units {
        read: share(key.load.read, cell.recent.read),
        write: share(key.load.write, cell.recent.write),
    };
    let others = (ranges.len() - 1).max(1) as f64;
    let part = |range: KeyRange| {
        let is_key = range == key.range;
        let of = |load: Units| match is_key {
            true => Units { read: load.read * share.read, write: load.write * share.write },
            false => Units {
                read: load.read * (1.0 - share.read) / others,
                write: load.write * (1.0 - share.write) / others,
            },
        };
        CellView {
            recent: of(cell.recent),
            now: of(cell.now),
            forecast: cell.forecast.iter().map(|load| of(*load)).collect(),
            single_key: is_key && strategy != Strategy::Composite,
            range,
        }
    };
    let parts: Vec<CellView> = ranges.into_iter().map(part).collect();
    cells.splice(at..=at, parts);
    cells
}

/// What share of a cell's load the key has; an estimate of another window may say more than all.
fn share(key: f64, cell: f64) -> f64 {
    if cell > 0.0 { (key / cell).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cells, range_between};
    use bytes::Bytes;

    fn key(hash: u64, writes: f64) -> HotKeyView {
        let bytes = Bytes::copy_from_slice(&hash.to_be_bytes());
        HotKeyView {
            range: layout::collection(Strategy::Hash, &bytes).unwrap(),
            key_hash: hash,
            load: Units::write(writes),
            share: 0.0,
        }
    }

    #[test]
    fn a_hot_key_gets_a_cell_and_the_load_stays_the_same() {
        let before = cells(&range_between(0.0, 1.0), &[10.0, 90.0, 10.0, 10.0]);
        let hot = key(u64::MAX / 4 + 12345, 60.0);
        let after = carve(before.clone(), std::slice::from_ref(&hot), Strategy::Hash);
        assert_eq!(after.len(), before.len() + 2);
        let carved = after.iter().find(|cell| cell.range == hot.range).unwrap();
        assert!(carved.single_key && carved.recent == Units::write(60.0));
        let total =
            |cells: &[CellView]| cells.iter().map(|cell| cell.forecast[3].write).sum::<f64>();
        assert!((total(&after) - total(&before)).abs() < 1e-9);
        assert!(
            after.windows(2).all(|pair| pair[0].range.end.as_ref() == Some(&pair[1].range.start))
        );
        // Done once more there is nothing left to carve.
        assert_eq!(carve(after.clone(), &[hot], Strategy::Hash), after);
    }

    #[test]
    fn a_collection_under_composite_can_still_be_divided() {
        let before = cells(&range_between(0.0, 1.0), &[10.0, 90.0]);
        let hot = key(u64::MAX / 2 + 99, 200.0);
        let after = carve(before, std::slice::from_ref(&hot), Strategy::Composite);
        let carved = after.iter().find(|cell| cell.range == hot.range).unwrap();
        assert!(!carved.single_key);
        assert_eq!(carved.recent, Units::write(90.0), "no more than the cell had");
    }
}
