//! Load by minute and cell: what the fast player plays.
//!
//! A key trace, a rates file and a generated workload all become one of these: for every minute, the
//! units per second asked for in each of [`CELLS`] even cells of the key axis. Within a minute load
//! is constant. It is demand: retries are no part of it, and no policy changes it, which is why
//! forecasts made of it can be shared between policies.

use ::workload::HISTORY_BIN_MS;
use bytes::Bytes;
use std::ops::Range;
use types::{KeyRange, Units, storage_key};

/// Cells on the key axis: what a table has at most in the service.
pub const CELLS: usize = 256;
/// How long load stays the same.
pub const MINUTE_MS: i64 = 60_000;
/// Minutes in a bin of history.
pub const HISTORY_BIN_MINUTES: usize = (HISTORY_BIN_MS / MINUTE_MS) as usize;

/// Reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Read units.
    Read,
    /// Write units.
    Write,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// Its part of an amount.
    pub fn of(self, units: Units) -> f64 {
        match self {
            Self::Read => units.read,
            Self::Write => units.write,
        }
    }
}

/// Units per second by minute and cell.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadMatrix {
    start_ms: i64,
    minutes: usize,
    /// Row by row; empty if nothing of this kind was ever asked for.
    loads: [Vec<f32>; 2],
    /// How many units a request takes, per kind: what throttled requests are counted with.
    units_per_request: Units,
    single_key: Vec<bool>,
    /// How many cells, from the first on, keys can lie in.
    cells_used: usize,
}

impl LoadMatrix {
    /// No load, from the bin of history that holds `start_ms` on.
    pub fn new(start_ms: i64, minutes: usize) -> Self {
        Self {
            start_ms: start_ms.div_euclid(HISTORY_BIN_MS) * HISTORY_BIN_MS,
            minutes,
            loads: [Vec::new(), Vec::new()],
            units_per_request: Units { read: 1.0, write: 1.0 },
            single_key: vec![false; CELLS],
            cells_used: CELLS,
        }
    }

    /// When the first minute begins.
    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// When the last minute ends.
    pub fn end_ms(&self) -> i64 {
        self.start_ms + self.minutes as i64 * MINUTE_MS
    }

    /// How many minutes there are.
    pub fn minutes(&self) -> usize {
        self.minutes
    }

    /// The number of the minute that holds `at_ms`, within what there is.
    pub fn minute_at(&self, at_ms: i64) -> usize {
        let minute = (at_ms - self.start_ms).div_euclid(MINUTE_MS).max(0) as usize;
        minute.min(self.minutes)
    }

    /// The loads of one minute; `None` if nothing of this kind was ever asked for.
    pub fn row(&self, kind: Kind, minute: usize) -> Option<&[f32]> {
        self.loads[kind as usize].get(minute * CELLS..(minute + 1) * CELLS)
    }

    /// The same, to be written to.
    pub fn row_mut(&mut self, kind: Kind, minute: usize) -> &mut [f32] {
        let loads = &mut self.loads[kind as usize];
        if loads.is_empty() {
            *loads = vec![0.0; self.minutes * CELLS];
        }
        &mut loads[minute * CELLS..(minute + 1) * CELLS]
    }

    /// The load of some cells in one minute.
    pub fn load(&self, minute: usize, cells: Range<usize>) -> Units {
        let sum = |kind| {
            let row = self.row(kind, minute).and_then(|row| row.get(cells.clone()));
            row.map_or(0.0, |loads| loads.iter().map(|&load| f64::from(load)).sum())
        };
        Units { read: sum(Kind::Read), write: sum(Kind::Write) }
    }

    /// The mean load of some cells in one bin of history, counted from the first.
    pub fn history_load(&self, bin: usize, cells: Range<usize>) -> Units {
        let minutes = bin * HISTORY_BIN_MINUTES..(bin + 1) * HISTORY_BIN_MINUTES;
        let sum: Units = minutes.map(|minute| self.load(minute, cells.clone())).sum();
        planner::load::scale(sum, 1.0 / HISTORY_BIN_MINUTES as f64)
    }

    /// Forgets what comes after `end_ms`.
    pub fn cut(&mut self, end_ms: i64) {
        self.minutes = self.minute_at(end_ms);
        for loads in &mut self.loads {
            loads.truncate(self.minutes * CELLS);
        }
    }

    /// How many units a request takes.
    pub fn units_per_request(&self) -> Units {
        self.units_per_request
    }

    /// Sets how many units a request takes.
    pub fn set_units_per_request(&mut self, units: Units) {
        let positive = |units: f64| if units > 0.0 { units } else { 1.0 };
        self.units_per_request = Units { read: positive(units.read), write: positive(units.write) };
    }

    /// How many cells, from the first on, keys can lie in; a table that was counted in fewer cells than
    /// there are has nothing in the rest.
    pub fn cells_used(&self) -> usize {
        self.cells_used
    }

    /// Says that keys lie in the first `cells` cells only.
    pub fn set_cells_used(&mut self, cells: usize) {
        self.cells_used = cells.clamp(1, CELLS);
    }

    /// Whether a cell holds a single key, so that nothing divides it.
    pub fn is_single_key(&self, cell: usize) -> bool {
        self.single_key.get(cell).copied().unwrap_or(false)
    }

    /// Says that a cell holds a single key.
    pub fn set_single_key(&mut self, cell: usize) {
        self.single_key[cell] = true;
    }
}

/// The cells of the key axis as ranges of keys, in order.
pub fn cell_ranges() -> Vec<KeyRange> {
    KeyRange::full().cut(&storage_key::even_boundaries(CELLS as u32)).unwrap_or_default()
}

/// The number of the cell that begins with `boundary`: cells are as wide as one value of the first
/// byte of a hash.
pub fn cell_of_boundary(boundary: &Bytes) -> usize {
    boundary.first().map_or(0, |&byte| usize::from(byte))
}

/// The number of the cell that holds a key.
pub fn cell_of_key(storage_key: &[u8]) -> usize {
    storage_key.first().map_or(0, |&byte| usize::from(byte))
}

/// The cells between two boundaries.
pub fn cells_of_range(range: &KeyRange) -> Range<usize> {
    cell_of_boundary(&range.start)..range.end.as_ref().map_or(CELLS, cell_of_boundary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_boundaries_are_the_first_byte() {
        let cells = cell_ranges();
        assert_eq!(cells.len(), CELLS);
        for (number, cell) in cells.iter().enumerate() {
            assert_eq!(cells_of_range(cell), number..number + 1);
            let inside = [number as u8, 77];
            assert!(cell.contains(&inside) && cell_of_key(&inside) == number);
        }
        assert_eq!(cells_of_range(&KeyRange::full()), 0..CELLS);
    }

    #[test]
    fn loads_add_up_over_cells_and_bins() {
        let mut matrix = LoadMatrix::new(HISTORY_BIN_MS + 1, 10);
        assert_eq!(matrix.start_ms(), HISTORY_BIN_MS, "begins with a bin of history");
        matrix.row_mut(Kind::Write, 5)[3] = 2.0;
        matrix.row_mut(Kind::Write, 9)[4] = 8.0;
        assert_eq!(matrix.load(5, 0..CELLS), Units::write(2.0));
        assert_eq!(matrix.history_load(1, 3..5), Units::write(2.0));
        assert_eq!(matrix.history_load(0, 3..5), Units::ZERO);
        assert_eq!(matrix.row(Kind::Read, 5), None);
    }
}
