//! Cells: the intervals of a table's key axis for which load is counted.
//!
//! A cell map only says where cells begin; it is immutable and shared by all rows counted with it.
//! How cells are chosen is [`crate::adapt`]'s business.

use bytes::Bytes;
use types::KeyRange;

/// Cells that one table may have at most, whatever the settings: their numbers are stored in 16 bits.
pub const CELLS_PER_TABLE_LIMIT: usize = 1 << 16;

/// The cells of one table: adjacent ranges that cover the whole key axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellMap {
    /// Where each cell starts; the first is empty, they rise strictly.
    starts: Box<[Bytes]>,
    /// The first eight bytes of each start, to search without touching the keys.
    heads: Box<[u64]>,
}

impl CellMap {
    /// Cells between the given boundaries, in any order; empty and repeated ones are ignored, and so
    /// are the highest beyond [`CELLS_PER_TABLE_LIMIT`].
    pub fn new(boundaries: impl IntoIterator<Item = Bytes>) -> Self {
        let mut starts: Vec<Bytes> = std::iter::once(Bytes::new()).chain(boundaries).collect();
        starts.sort_unstable();
        starts.dedup();
        starts.truncate(CELLS_PER_TABLE_LIMIT);
        let heads = starts.iter().map(|start| head(start)).collect();
        Self { starts: starts.into(), heads }
    }

    /// How many cells there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is always a cell")]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// The boundaries between cells, rising.
    pub fn boundaries(&self) -> &[Bytes] {
        &self.starts[1..]
    }

    /// The keys of a cell.
    ///
    /// # Panics
    /// If there is no such cell.
    pub fn range(&self, cell: usize) -> KeyRange {
        KeyRange { start: self.starts[cell].clone(), end: self.starts.get(cell + 1).cloned() }
    }

    /// All cells, in the order of the axis.
    pub fn ranges(&self) -> impl Iterator<Item = KeyRange> + '_ {
        (0..self.len()).map(|cell| self.range(cell))
    }

    /// The cell that a key lies in.
    #[inline]
    pub fn index_of(&self, key: &[u8]) -> usize {
        let head = head(key);
        let low = self.heads.partition_point(|start| *start < head);
        let alike = self.heads[low..].partition_point(|start| *start == head);
        // The first start is empty, so at least one start is not above the key.
        low + self.starts[low..low + alike].partition_point(|start| start.as_ref() <= key) - 1
    }

    /// The first and the last cell that share keys with a range which is not empty.
    pub(crate) fn span(&self, range: &KeyRange) -> (usize, usize) {
        let first = self.index_of(&range.start);
        let last = match &range.end {
            Some(end) => self.starts.partition_point(|start| start < end) - 1,
            None => self.len() - 1,
        };
        (first, last.max(first))
    }
}

/// The first eight bytes of a key as a number, as if it went on with zeros: in the order of the keys,
/// but equal for some that differ.
#[inline]
fn head(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let len = key.len().min(8);
    bytes[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<u8>>> {
        let byte = prop::sample::select(vec![0u8, 1, 0x80, 0xff]);
        prop::collection::vec(prop::collection::vec(byte, 0..11), len)
    }

    #[test]
    fn spans_name_the_cells_a_range_touches() {
        let map = CellMap::new(["d", "h", "p"].map(Bytes::from));
        let span = |start: &'static str, end: Option<&'static str>| {
            map.span(&KeyRange::new(start, end.map(Bytes::from)))
        };
        assert_eq!(span("", None), (0, 3));
        assert_eq!(span("d", Some("h")), (1, 1));
        assert_eq!(span("e", Some("q")), (1, 3));
        assert_eq!(span("a", Some("b")), (0, 0));
    }

    proptest! {
        #[test]
        fn a_key_lies_in_exactly_the_cell_found(boundaries in keys(0..20), probes in keys(1..20)) {
            let map = CellMap::new(boundaries.into_iter().map(Bytes::from));
            for key in probes {
                let inside: Vec<usize> =
                    (0..map.len()).filter(|cell| map.range(*cell).contains(&key)).collect();
                prop_assert_eq!(inside, vec![map.index_of(&key)]);
            }
        }
    }
}
