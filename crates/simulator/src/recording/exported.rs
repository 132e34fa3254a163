//! A matrix that a service exported, as it is played.
//!
//! The file's cells become the first cells here, one to one: what a cell is called does not matter to a
//! policy, but where cells end decides where partitions can. A file with more cells than there are has
//! neighbours put together. Load is the same in all minutes of a bin. What nobody counted is filled in
//! with what was a week before it, as the collector does it.

use super::Recorded;
use crate::error::SimulatorError;
use crate::matrix::{CELLS, Kind, LoadMatrix, MINUTE_MS};
use ::workload::RecordedMatrix;
use bytes::Bytes;
use planner::view::is_single_key;
use std::ops::Range;
use types::{KeyRange, Units};

const WEEK_MINUTES: usize = 7 * 24 * 60;

pub(super) fn recorded(file: &RecordedMatrix, needed_ms: i64) -> Result<Recorded, SimulatorError> {
    let (Some(first), Some(last)) = (file.bins.first(), file.bins.last()) else {
        return Err(SimulatorError::TooShort(0));
    };
    let end_ms = last.start_ms + last.bin_ms;
    let mut matrix = super::empty(first.start_ms, end_ms, needed_ms);
    let axis = Axis::new(&file.cells);
    matrix.set_cells_used(axis.firsts.len());
    axis.single_keys().for_each(|cell| matrix.set_single_key(cell));
    let known = fill(&mut matrix, file, &axis);
    bridge(&mut matrix, &known);
    matrix.set_units_per_request(units_per_request(file));
    let map = |(at_ms, boundaries): &(i64, Vec<Bytes>)| (*at_ms, axis.first_cells(boundaries));
    Ok(Recorded {
        capacity: file.capacity,
        maps: file.maps.iter().map(map).collect(),
        cell_keys: axis.firsts.iter().map(|&first| file.cells[first].clone()).collect(),
        matrix,
    })
}

/// Which cells of the file each cell here is made of.
struct Axis<'a> {
    cells: &'a [Bytes],
    /// The first of them.
    firsts: Vec<usize>,
}

impl<'a> Axis<'a> {
    fn new(cells: &'a [Bytes]) -> Self {
        let used = cells.len().min(CELLS);
        Self { cells, firsts: (0..used).map(|cell| cell * cells.len() / used).collect() }
    }

    /// The cell here that holds a cell of the file.
    fn cell(&self, of_file: usize) -> usize {
        self.firsts.partition_point(|&first| first <= of_file) - 1
    }

    /// The first cells of the partitions that these boundaries make; a boundary inside a cell is moved
    /// to the cell's beginning.
    fn first_cells(&self, boundaries: &[Bytes]) -> Vec<usize> {
        let holding = |key: &Bytes| self.cells.partition_point(|first| first <= key).max(1) - 1;
        let mut firsts = vec![0];
        firsts.extend(boundaries.iter().map(|key| self.cell(holding(key))));
        firsts.dedup();
        firsts
    }

    fn single_keys(&self) -> impl Iterator<Item = usize> {
        let range = |cell: usize| KeyRange {
            start: self.cells[self.firsts[cell]].clone(),
            end: self.firsts.get(cell + 1).map(|&next| self.cells[next].clone()),
        };
        (0..self.firsts.len()).filter(move |&cell| is_single_key(&range(cell)))
    }
}

/// Adds up what was counted; says which minutes were watched.
fn fill(matrix: &mut LoadMatrix, file: &RecordedMatrix, axis: &Axis<'_>) -> Vec<bool> {
    let mut known = vec![false; matrix.minutes()];
    for bin in &file.bins {
        for (minute, share) in minutes(matrix, bin.start_ms, bin.start_ms + bin.bin_ms) {
            known[minute] = true;
            for &(cell, units) in &bin.units {
                let cell = axis.cell(cell as usize);
                for kind in Kind::ALL.into_iter().filter(|kind| kind.of(units) > 0.0) {
                    matrix.row_mut(kind, minute)[cell] += (kind.of(units) * share) as f32;
                }
            }
        }
    }
    known
}

/// The minutes that a bin touches, and what share of each it fills.
fn minutes(matrix: &LoadMatrix, from_ms: i64, to_ms: i64) -> Vec<(usize, f64)> {
    let touched: Range<usize> = matrix.minute_at(from_ms)..matrix.minute_at(to_ms + MINUTE_MS - 1);
    let share = |minute: usize| {
        let start_ms = matrix.start_ms() + minute as i64 * MINUTE_MS;
        let ms = to_ms.min(start_ms + MINUTE_MS) - from_ms.max(start_ms);
        (minute, ms as f64 / MINUTE_MS as f64)
    };
    touched.map(share).collect()
}

/// Fills in what nobody counted.
fn bridge(matrix: &mut LoadMatrix, known: &[bool]) {
    let gaps = (WEEK_MINUTES..known.len()).filter(|&minute| !known[minute]);
    for minute in gaps {
        for kind in Kind::ALL {
            if let Some(before) = matrix.row(kind, minute - WEEK_MINUTES).map(<[f32]>::to_vec) {
                matrix.row_mut(kind, minute).copy_from_slice(&before);
            }
        }
    }
}

/// The file does not say which requests read: what a request takes in the mean.
fn units_per_request(file: &RecordedMatrix) -> Units {
    let (mut units, mut requests) = (0.0, 0.0);
    for bin in &file.bins {
        units += bin.units.iter().map(|(_, units)| units.total()).sum::<f64>() * bin.bin_ms as f64;
        requests += bin.requests * bin.bin_ms as f64;
    }
    let mean = if requests > 0.0 { units / requests } else { 1.0 };
    Units { read: mean, write: mean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::workload::MatrixBin;

    const DAY_MS: i64 = 86_400_000;

    fn file(cells: &[&[u8]], bins: Vec<MatrixBin>) -> RecordedMatrix {
        RecordedMatrix {
            table: None,
            capacity: Some(Units { read: 30.0, write: 10.0 }),
            cells: cells.iter().map(|cell| Bytes::copy_from_slice(cell)).collect(),
            maps: vec![(0, vec![Bytes::from_static(b"m")]), (60_000, vec![])],
            bins,
        }
    }

    fn bin(start_ms: i64, bin_ms: i64, cell: u32, write: f64) -> MatrixBin {
        let units = vec![(cell, Units::write(write))];
        MatrixBin { start_ms, bin_ms, units, requests: write / 2.0 }
    }

    #[test]
    fn cells_are_taken_one_to_one_and_bins_become_minutes() {
        let bins = vec![
            bin(0, 300_000, 1, 5.0),
            bin(300_000, 60_000, 2, 7.0),
            bin(360_000, 10_000, 0, 6.0),
        ];
        let recorded = recorded(&file(&[b"", b"m", b"m\0"], bins), DAY_MS).unwrap();
        let matrix = &recorded.matrix;
        assert_eq!((matrix.minutes(), matrix.cells_used()), (7, 3));
        assert_eq!(matrix.load(4, 1..2), Units::write(5.0));
        assert_eq!(matrix.load(5, 0..CELLS), Units::write(7.0));
        assert_eq!(matrix.load(6, 0..1), Units::write(1.0), "ten seconds of a minute");
        assert_eq!(matrix.units_per_request().write, 2.0);
        assert!(matrix.is_single_key(1) && !matrix.is_single_key(2));
        assert_eq!(recorded.maps, [(0, vec![0, 1]), (60_000, vec![0])]);
    }

    #[test]
    fn neighbours_are_put_together_if_there_are_too_many() {
        let keys: Vec<Vec<u8>> =
            (0..512_u16).map(|n| if n == 0 { vec![] } else { n.to_be_bytes().to_vec() }).collect();
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let bins = vec![bin(0, 300_000, 511, 1.0), bin(300_000, 300_000, 510, 2.0)];
        let matrix = recorded(&file(&keys, bins), DAY_MS).unwrap().matrix;
        assert_eq!(matrix.cells_used(), CELLS);
        assert_eq!(matrix.load(0, CELLS - 1..CELLS), Units::write(1.0));
        assert_eq!(matrix.load(9, CELLS - 1..CELLS), Units::write(2.0));
    }

    #[test]
    fn gaps_are_filled_with_the_week_before() {
        let week_ms = 7 * DAY_MS;
        let bins = vec![bin(0, 300_000, 0, 5.0), bin(week_ms + 300_000, 300_000, 0, 1.0)];
        let matrix = recorded(&file(&[b""], bins), 30 * DAY_MS).unwrap().matrix;
        let at = |ms| matrix.load(matrix.minute_at(ms), 0..1).write;
        assert_eq!((at(week_ms), at(week_ms + 300_000), at(DAY_MS)), (5.0, 1.0, 0.0));
    }
}
