//! The key axis as a line from 0 to 1, and the rows of a picture along it.

use super::{CellDocument, MapDocument};
use crate::maps::MapHistory;
use planner::TableView;
use types::{KeyRange, Strategy};

/// Places keys between 0 and 1: by hash in hash order, by cell where keys have no measure.
pub(crate) struct Axis<'a> {
    pub(crate) strategy: Strategy,
    pub(crate) ranges: &'a [KeyRange],
}

impl Axis<'_> {
    pub(super) fn cells(&self, rows: &[KeyRange], view: Option<&TableView>) -> Vec<CellDocument> {
        let partitions = view.map(|view| view.partitions.as_slice()).unwrap_or_default();
        let owner = |key: &[u8]| partitions.iter().find(|owner| owner.range.contains(key));
        let cell = |range: &KeyRange| {
            let (from, to) = self.span(range);
            CellDocument {
                from,
                to,
                start: hex(&range.start),
                end: range.end.as_ref().map(|end| hex(end)).unwrap_or_default(),
                partition: owner(&range.start).map(|owner| owner.id),
            }
        };
        rows.iter().map(cell).collect()
    }

    pub(super) fn maps(&self, maps: &MapHistory) -> Vec<MapDocument> {
        maps.iter()
            .map(|(at_ms, boundaries)| MapDocument {
                at_ms,
                boundaries: boundaries.iter().map(|key| self.position(key)).collect(),
            })
            .collect()
    }

    /// Where a range begins and ends.
    pub(crate) fn span(&self, range: &KeyRange) -> (f64, f64) {
        let end = range.end.as_ref().map_or(1.0, |end| self.position(end));
        (self.position(&range.start), end)
    }

    pub(crate) fn position(&self, key: &[u8]) -> f64 {
        if self.strategy.is_hash_order() {
            let mut first = [0; 8];
            let length = key.len().min(8);
            first[..length].copy_from_slice(&key[..length]);
            return u64::from_be_bytes(first) as f64 / 2f64.powi(64);
        }
        let before = self.ranges.partition_point(|range| range.start.as_ref() < key);
        before as f64 / self.ranges.len().max(1) as f64
    }
}

/// Neighbours put together, the same number each time, until there are few enough.
pub(super) fn grouped(ranges: &[KeyRange], rows_max: usize) -> Vec<KeyRange> {
    let group = ranges.len().div_ceil(rows_max).max(1);
    let joined = |cells: &[KeyRange]| KeyRange {
        start: cells[0].start.clone(),
        end: cells[cells.len() - 1].end.clone(),
    };
    ranges.chunks(group).map(joined).collect()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn rows_are_few_enough_and_tile_the_axis() {
        let cuts: Vec<Bytes> = (1..10_u8).map(|cut| Bytes::copy_from_slice(&[cut])).collect();
        let ranges = KeyRange::full().cut(&cuts).unwrap();
        let rows = grouped(&ranges, 4);
        assert_eq!(rows.len(), 4);
        assert_eq!((rows[0].start.len(), rows[3].end.is_none()), (0, true));
        assert!(rows.windows(2).all(|pair| pair[0].end.as_ref() == Some(&pair[1].start)));
        assert_eq!(grouped(&ranges, 100), ranges);
        assert_eq!(grouped(&[], 4), []);
    }

    #[test]
    fn a_key_without_a_measure_lies_where_its_cell_does() {
        let ranges = KeyRange::full().cut(&[Bytes::from("m")]).unwrap();
        let axis = Axis { strategy: Strategy::Range, ranges: &ranges };
        assert_eq!(axis.span(&ranges[1]), (0.5, 1.0));
        let axis = Axis { strategy: Strategy::Hash, ..axis };
        assert_eq!(axis.position(&[0x40]), 0.25);
    }
}
