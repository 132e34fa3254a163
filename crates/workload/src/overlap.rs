//! How a range of the key axis lies over the cells of a map, and how counts move between two maps.

use crate::{cells::CellMap, shape::KeyShape};
use types::KeyRange;

/// The cells that a range touches. Those in the middle lie inside as a whole; of the first and the
/// last only a share may.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Overlap {
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// Share of the first cell's load that lies in the range.
    pub(crate) first_share: f64,
    /// Share of the last cell's load that lies in the range; the same as the first's if it is one cell.
    pub(crate) last_share: f64,
}

impl Overlap {
    /// How `range`, which is not empty, lies over `map`.
    pub(crate) fn new(map: &CellMap, range: &KeyRange, shape: &KeyShape) -> Self {
        let (first, last) = map.span(range);
        let share = |cell: usize| {
            let whole = map.range(cell);
            match whole.intersection(range) {
                Some(part) if part == whole => 1.0,
                Some(part) => shape.share(&whole, &part),
                None => 0.0,
            }
        };
        let first_share = share(first);
        let last_share = if last == first { first_share } else { share(last) };
        Self { first, last, first_share, last_share }
    }

    /// The share of a touched cell that lies in the range.
    pub(crate) fn share(&self, cell: usize) -> f64 {
        if cell == self.first {
            self.first_share
        } else if cell == self.last {
            self.last_share
        } else {
            1.0
        }
    }
}

/// For every cell of an old map, the cells of the new map that it falls into, with shares that add up
/// to one.
pub(crate) struct Projection {
    parts: Vec<Vec<(u16, f64)>>,
}

impl Projection {
    pub(crate) fn new(old: &CellMap, new: &CellMap, shape: &KeyShape) -> Self {
        let parts = old.ranges().map(|whole| Self::parts_of(&whole, new, shape)).collect();
        Self { parts }
    }

    fn parts_of(whole: &KeyRange, new: &CellMap, shape: &KeyShape) -> Vec<(u16, f64)> {
        let (first, last) = new.span(whole);
        let share = |cell: usize| {
            let part = new.range(cell).intersection(whole);
            part.map_or(0.0, |part| if part == *whole { 1.0 } else { shape.share(whole, &part) })
        };
        (first..=last).map(|cell| (cell as u16, share(cell))).collect()
    }

    /// Where the load of an old cell goes.
    pub(crate) fn parts(&self, old_cell: usize) -> &[(u16, f64)] {
        &self.parts[old_cell]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn map(boundaries: &[u8]) -> CellMap {
        CellMap::new(boundaries.iter().map(|byte| Bytes::copy_from_slice(&[*byte])))
    }

    #[test]
    fn overlaps_take_parts_of_the_outer_cells_only() {
        let range = KeyRange::new(vec![0x20], Some(Bytes::from_static(&[0x90])));
        let overlap = Overlap::new(&map(&[0x40, 0x80, 0xc0]), &range, &KeyShape::default());
        assert_eq!((overlap.first, overlap.last), (0, 2));
        let shares = [0, 1, 2].map(|cell| overlap.share(cell));
        assert_eq!(shares, [0.5, 1.0, 0.25]);
    }

    #[test]
    fn projections_follow_the_shape_and_lose_nothing() {
        let mut shape = KeyShape::default();
        shape.learn(&KeyRange::full(), &Bytes::from_static(&[0x40]), 0.75);
        let projection = Projection::new(&map(&[0xc0]), &map(&[0x40, 0xe0]), &shape);
        // Below 0x40 lie 75 %, and the rest evenly over three quarters of the bytes.
        let [left, right] = projection.parts(0) else { panic!("two parts") };
        assert!((left.1 - 0.75 / (0.75 + 0.25 * 2.0 / 3.0)).abs() < 1e-12);
        assert!((left.1 + right.1 - 1.0).abs() < 1e-12);
        let [left, right] = projection.parts(1) else { panic!("two parts") };
        assert_eq!((left.0, right.0), (1, 2));
        assert!((left.1 - 0.5).abs() < 1e-12 && (right.1 - 0.5).abs() < 1e-12);
    }
}
