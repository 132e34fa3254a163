//! Rows: what is closed is what was counted, for any range of cells, and peaks are seconds.

use super::*;
use crate::Outcome;
use crate::shape::KeyShape;
use crate::testing::vector_at;
use bytes::Bytes;
use proptest::prelude::*;
use types::KeyRange;

const CELLS: usize = 8;

/// Eight even cells.
fn map(cells: usize) -> Arc<CellMap> {
    Arc::new(CellMap::new(crate::axis::even_boundaries(cells)))
}

fn overlap(map: &CellMap, range: &KeyRange) -> Overlap {
    Overlap::new(map, range, &KeyShape::default())
}

fn counted(requests: &[(usize, f32)], covered_s: u16) -> OpenRow {
    let mut row = OpenRow { covered_s, ..OpenRow::default() };
    for (cell, write_units) in requests {
        row.count(*cell, CELLS, &Vector { write_units: *write_units, ..vector_at(0) });
    }
    row
}

#[test]
fn a_closed_row_is_as_small_as_the_docs_say() {
    assert_eq!(size_of::<Row>(), 48);
    let row = counted(&[(1, 2.0), (4, 1.0)], 1).close(&map(CELLS));
    assert_eq!(row.cells.as_deref(), Some(&[1, 4][..]));
    assert_eq!(row.values.len(), 2 * 3, "write units, requests and bytes, no other channel");
}

#[test]
fn channels_are_counted_apart() {
    let mut open = OpenRow { covered_s: 1, ..OpenRow::default() };
    let refused = Vector { outcome: Outcome::Throttled, read_units: 3.0, ..vector_at(0) };
    open.count(2, CELLS, &refused);
    open.count(2, CELLS, &vector_at(0));
    let row = open.close(&map(CELLS));
    let all = overlap(&row.map, &KeyRange::full());
    let sums = [READ, WRITE, REQUESTS, BYTES, THROTTLES].map(|stored| row.sum(stored, &all));
    assert_eq!(sums, [3.0, 2.0, 2.0, 200.0, 1.0]);
}

#[test]
fn the_peak_of_a_bin_is_its_busiest_second() {
    let mut ten_seconds = OpenRow::default();
    for units in [1.0, 0.0, 5.0, 2.0] {
        let second = if units > 0.0 { counted(&[(3, units)], 1) } else { counted(&[], 1) };
        ten_seconds.fold(&second, true);
    }
    let mut minute = OpenRow::default();
    minute.fold(&ten_seconds, false);
    let row = minute.close(&map(CELLS));
    assert_eq!(row.covered_s, 4);
    let of_cell = row.peak_to_mean(&overlap(&row.map, &row.map.range(3)));
    assert!((of_cell - 2.5).abs() < 1e-6, "5 in a second against 2: {of_cell}");
    let elsewhere = row.peak_to_mean(&overlap(&row.map, &row.map.range(4)));
    assert_eq!(elsewhere, 1.0);
}

#[test]
fn peaks_of_several_cells_are_taken_to_be_independent() {
    let mut bin = OpenRow::default();
    bin.fold(&counted(&[(0, 7.0), (1, 1.0)], 1), true);
    bin.fold(&counted(&[(0, 1.0), (1, 9.0)], 1), true);
    let row = bin.close(&map(CELLS));
    let both = row.peak_to_mean(&overlap(&row.map, &KeyRange::full()));
    // Means 4 and 5, distances to the peaks 3 and 4: 5 together.
    assert!((both - (9.0 + 5.0) / 9.0).abs() < 1e-6, "{both}");
}

proptest! {
    #[test]
    fn sums_over_any_range_are_those_of_its_cells(
        requests in prop::collection::vec((0..CELLS, 0.0f32..100.0), 0..40),
        cut in [any::<u8>(), any::<u8>()],
    ) {
        let row = counted(&requests, 1).close(&map(CELLS));
        let [low, high] = if cut[0] < cut[1] { cut } else { [cut[1], cut[0]] };
        prop_assume!(low < high);
        let range = KeyRange::new(vec![low], Some(Bytes::copy_from_slice(&[high])));
        let width = 256.0 / CELLS as f64;
        let inside = |cell: usize| {
            let [start, end] = [cell, cell + 1].map(|cell| cell as f64 * width);
            (f64::from(high).min(end) - f64::from(low).max(start)).max(0.0) / width
        };
        let expected: f64 =
            requests.iter().map(|(cell, units)| f64::from(*units) * inside(*cell)).sum();
        let sum = row.sum(WRITE, &overlap(&row.map, &range));
        prop_assert!((sum - expected).abs() <= 1e-4 * expected.max(1.0), "{} {}", sum, expected);
    }

    #[test]
    fn projecting_keeps_sums(
        requests in prop::collection::vec((0..CELLS, 0.1f32..100.0), 1..40),
        cells in 1usize..20,
    ) {
        let mut row = counted(&requests, 1);
        let total = |row: &OpenRow, stored: usize| row.active().map(|(_, counts)| counts[stored]).sum::<f64>();
        let before = [WRITE, REQUESTS, BYTES].map(|stored| total(&row, stored));
        let (old, new) = (map(CELLS), map(cells));
        row.project(&Projection::new(&old, &new, &KeyShape::default()), new.len());
        for (stored, before) in [WRITE, REQUESTS, BYTES].into_iter().zip(before) {
            prop_assert!((total(&row, stored) - before).abs() <= 1e-9 * before);
        }
        prop_assert!(row.fits(new.len()));
    }
}
