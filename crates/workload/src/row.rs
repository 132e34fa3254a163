//! One bin of time: what was counted in each cell. Open rows are added to, closed rows are compact.
//!
//! Memory of a closed row: 48 bytes, and 2 + 4 × (channels in use) bytes for every cell with load in
//! the bin, that is 18 for a table that is only written to and 22 to 26 for a mixed one. Cells and bins
//! without load cost nothing. A busy cell thus takes about 18 × 8,064 = 145 kB for 28 days of history
//! and 38 kB more for the three windows.

use crate::{
    Vector,
    cells::CellMap,
    overlap::{Overlap, Projection},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Channels as rows store them: five sums, and the highest units in one second.
pub(crate) const STORED: usize = 6;
pub(crate) const READ: usize = 0;
pub(crate) const WRITE: usize = 1;
pub(crate) const REQUESTS: usize = 2;
pub(crate) const BYTES: usize = 3;
pub(crate) const THROTTLES: usize = 4;
pub(crate) const PEAK: usize = 5;

/// One cell's counts in one bin.
pub(crate) type Counts = [f64; STORED];

/// A closed bin.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) map: Arc<CellMap>,
    /// The cells with load, rising; `None` if all cells of the map have.
    pub(crate) cells: Option<Box<[u16]>>,
    /// One bit per stored channel that is not zero everywhere.
    pub(crate) channels: u8,
    /// For each channel in use, one value per cell with load.
    pub(crate) values: Box<[f32]>,
    /// Seconds of the bin during which the service was counting.
    pub(crate) covered_s: u16,
}

impl Row {
    /// A bin in which nothing came, during `covered_s` seconds of watching.
    pub(crate) fn empty(map: Arc<CellMap>, covered_s: u16) -> Self {
        let (cells, values) = (Some(Box::default()), Box::default());
        Self { map, cells, channels: 0, values, covered_s }
    }

    /// Cells with load.
    fn active(&self) -> usize {
        self.cells.as_ref().map_or(self.map.len(), |cells| cells.len())
    }

    /// The values of a stored channel, one per cell with load; empty if they are all zero.
    pub(crate) fn channel(&self, stored: usize) -> &[f32] {
        if self.channels & 1 << stored == 0 {
            return &[];
        }
        let before = (self.channels & ((1 << stored) - 1)).count_ones() as usize;
        &self.values[before * self.active()..(before + 1) * self.active()]
    }

    /// Which of the cells with load an overlap touches.
    fn touched(&self, overlap: &Overlap) -> std::ops::Range<usize> {
        match &self.cells {
            None => overlap.first..overlap.last + 1,
            Some(cells) => {
                cells.partition_point(|cell| usize::from(*cell) < overlap.first)
                    ..cells.partition_point(|cell| usize::from(*cell) <= overlap.last)
            }
        }
    }

    pub(crate) fn cell(&self, active: usize) -> usize {
        self.cells.as_ref().map_or(active, |cells| usize::from(cells[active]))
    }

    /// The part of a summed channel that lies in the overlap.
    pub(crate) fn sum(&self, stored: usize, overlap: &Overlap) -> f64 {
        let values = self.channel(stored);
        if values.is_empty() {
            return 0.0;
        }
        let touched = self.touched(overlap);
        let whole = |active: usize| f64::from(values[active]);
        let part = |active: usize| whole(active) * overlap.share(self.cell(active));
        // Only the outer cells can be cut.
        match touched.len() {
            0 => 0.0,
            1 => part(touched.start),
            _ => {
                let inner = (touched.start + 1..touched.end - 1).map(whole).sum::<f64>();
                part(touched.start) + inner + part(touched.end - 1)
            }
        }
    }

    /// Peak over mean of the part that lies in the overlap; see [`Channel::PeakToMean`].
    pub(crate) fn peak_to_mean(&self, overlap: &Overlap) -> f64 {
        let covered = f64::from(self.covered_s);
        let mean = (self.sum(READ, overlap) + self.sum(WRITE, overlap)) / covered;
        let peaks = self.channel(PEAK);
        if peaks.is_empty() || mean.is_nan() || mean <= 0.0 {
            return 1.0;
        }
        let (reads, writes) = (self.channel(READ), self.channel(WRITE));
        let at = |values: &[f32], active: usize| values.get(active).copied().map_or(0.0, f64::from);
        let squares = self.touched(overlap).map(|active| {
            let cell_mean = (at(reads, active) + at(writes, active)) / covered;
            let above = (f64::from(peaks[active]) - cell_mean).max(0.0);
            overlap.share(self.cell(active)) * above * above
        });
        1.0 + squares.sum::<f64>().sqrt() / mean
    }
}

/// A bin that is still counted in. It has exact sums; only closed rows are rounded to 32 bits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenRow {
    counts: Vec<Counts>,
    /// Cells with requests, in the order in which they came.
    touched: Vec<u16>,
    pub(crate) covered_s: u16,
}

impl OpenRow {
    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.touched.is_empty()
    }

    /// Counts new demand in a cell.
    #[inline]
    pub(crate) fn count(&mut self, cell: usize, cells: usize, vector: &Vector) {
        let refused = f64::from(u8::from(vector.outcome == crate::Outcome::Throttled));
        let units = [f64::from(vector.read_units), f64::from(vector.write_units)];
        let bytes = f64::from(vector.data_bytes);
        self.add(cell, cells, &[units[0], units[1], 1.0, bytes, refused, 0.0]);
    }

    /// Adds a cell's sums, and raises its peak to the one given.
    fn add(&mut self, cell: usize, cells: usize, counts: &Counts) {
        if self.counts.len() < cells {
            self.counts.resize(cells, [0.0; STORED]);
        }
        let into = &mut self.counts[cell];
        if into[REQUESTS] == 0.0 {
            self.touched.push(cell as u16);
        }
        (READ..PEAK).for_each(|stored| into[stored] += counts[stored]);
        into[PEAK] = into[PEAK].max(counts[PEAK]);
    }

    /// Adds a shorter bin to this longer one. A second's units are its peak.
    pub(crate) fn fold(&mut self, finer: &OpenRow, finer_is_second: bool) {
        self.covered_s += finer.covered_s;
        for cell in &finer.touched {
            let mut counts = finer.counts[usize::from(*cell)];
            if finer_is_second {
                counts[PEAK] = counts[READ] + counts[WRITE];
            }
            self.add(usize::from(*cell), finer.counts.len(), &counts);
        }
    }

    /// Whether this could be a row of a map with so many cells: it may have been read from a file.
    pub(crate) fn fits(&self, cells: usize) -> bool {
        let mut seen = vec![false; self.counts.len()];
        let mut fresh = |cell: &u16| {
            let place = seen.get_mut(usize::from(*cell));
            place.is_some_and(|seen| !std::mem::replace(seen, true))
        };
        let counted = |count: &f64| count.is_finite() && *count >= 0.0;
        self.counts.len() <= cells
            && self.touched.iter().all(&mut fresh)
            && self.counts.iter().flatten().all(counted)
    }

    /// Forgets what was counted and keeps the memory.
    pub(crate) fn clear(&mut self) {
        for cell in self.touched.drain(..) {
            self.counts[usize::from(cell)] = [0.0; STORED];
        }
        self.covered_s = 0;
    }

    /// The cells with load and their counts.
    pub(crate) fn active(&self) -> impl Iterator<Item = (usize, &Counts)> {
        self.touched.iter().map(|cell| (usize::from(*cell), &self.counts[usize::from(*cell)]))
    }

    /// Moves the counts over to other cells. Sums stay; a part of a cell gets its part of the mean,
    /// and of the distance from mean to peak the square root of its share, as [`Row::peak_to_mean`]
    /// takes it.
    pub(crate) fn project(&mut self, projection: &Projection, cells: usize) {
        let covered = f64::from(self.covered_s.max(1));
        let mut moved = OpenRow { covered_s: self.covered_s, ..OpenRow::default() };
        for (cell, counts) in self.active() {
            let mean = (counts[READ] + counts[WRITE]) / covered;
            let above = (counts[PEAK] - mean).max(0.0);
            for (part, share) in projection.parts(cell) {
                if *share > 0.0 {
                    let mut part_counts = counts.map(|count| count * share);
                    if counts[PEAK] > 0.0 {
                        part_counts[PEAK] = mean * share + above * share.sqrt();
                    }
                    moved.add(usize::from(*part), cells, &part_counts);
                }
            }
        }
        *self = moved;
    }

    /// The closed row.
    pub(crate) fn close(&self, map: &Arc<CellMap>) -> Row {
        let mut cells = self.touched.clone();
        cells.sort_unstable();
        let counts = |cell: &u16| &self.counts[usize::from(*cell)];
        let used = |stored: &usize| cells.iter().any(|cell| counts(cell)[*stored] != 0.0);
        let stored: Vec<usize> = (0..STORED).filter(used).collect();
        let mut values = Vec::with_capacity(stored.len() * cells.len());
        for stored in &stored {
            values.extend(cells.iter().map(|cell| counts(cell)[*stored] as f32));
        }
        Row {
            map: map.clone(),
            channels: stored.iter().fold(0, |channels, stored| channels | 1 << stored),
            values: values.into(),
            cells: (cells.len() < map.len()).then(|| cells.into()),
            covered_s: self.covered_s,
        }
    }
}

#[cfg(test)]
mod tests;
