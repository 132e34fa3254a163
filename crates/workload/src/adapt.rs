//! Which cells to have: hot ones are cut, and cold neighbours joined when room is short.
//!
//! A pure decision. Partition boundaries always stay cell boundaries. A cell is hot when it carries
//! more than twice the mean of a table at its target resolution. It is cut where the keys sampled in
//! it say that half the load lies on each side; a hot key thus ends up in a cell of its own, which
//! cannot be cut any further. Cells grow in number as long as the table's quota allows; then the
//! coldest neighbours are joined to make room, if they are much colder than what is cut.

use crate::axis::{self, Grain};
use crate::cells::CellMap;
use crate::shape::KeyShape;
use crate::sketch::Weighted;
use bytes::Bytes;
use std::collections::BTreeSet;
use types::KeyRange;

/// A cell with more than this many times the mean load is cut.
const HOT_TIMES_MEAN: f64 = 2.0;
/// Two neighbours with less than this many times the mean load together may be joined for room. The
/// distance to [`HOT_TIMES_MEAN`] keeps cells from being cut and joined in turn.
const COLD_TIMES_MEAN: f64 = 0.5;
/// Cells that each partition should have on average: what its next cut can choose from.
const CELLS_PER_PARTITION: usize = 16;
/// Cells looked at in one go; the next time goes on from there.
const CUTS_MAX: usize = 1_024;
/// Fewer sampled keys in a cell say nothing about where its load lies, and that it is hot may be chance.
const SAMPLES_MIN: usize = 24;

/// What the decision is made from.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) map: &'a CellMap,
    /// Recent load of each cell.
    pub(crate) heat: &'a [f64],
    pub(crate) shape: &'a KeyShape,
    /// Recently sampled keys, rising.
    pub(crate) samples: &'a [Weighted],
    /// Boundaries that must be cell boundaries.
    pub(crate) partition_boundaries: &'a BTreeSet<Bytes>,
    pub(crate) grain: Grain,
    /// Cells that the table may have, if its partitions do not need more.
    pub(crate) quota: usize,
    /// Cells that the table should have if its load is even.
    pub(crate) cells_initial: usize,
}

/// New cells.
#[derive(Debug)]
pub(crate) struct Adapted {
    pub(crate) map: CellMap,
    pub(crate) heat: Vec<f64>,
    pub(crate) shape: KeyShape,
}

/// The cells that the table should have from now on; `None` if it should keep those it has.
pub(crate) fn adapt(inputs: &Inputs<'_>) -> Option<Adapted> {
    let mut cells = Cells::new(inputs);
    cells.cut_at_partitions();
    cells.refine();
    cells.fit();
    cells.finish()
}

/// The same, without refining: partition boundaries are cut in, and the quota is kept.
pub(crate) fn fit(inputs: &Inputs<'_>) -> Option<Adapted> {
    let mut cells = Cells::new(inputs);
    cells.cut_at_partitions();
    cells.fit();
    cells.finish()
}

struct Cells<'a> {
    inputs: &'a Inputs<'a>,
    cells: Vec<Cell>,
    shape: KeyShape,
}

#[derive(Clone, Debug)]
struct Cell {
    range: KeyRange,
    heat: f64,
    /// Whether it was found that it cannot be cut.
    whole: bool,
}

/// Where to cut a cell.
struct Cut {
    boundary: Bytes,
    left_share: f64,
    /// Whether the share was seen, not guessed.
    seen: bool,
}

impl<'a> Cells<'a> {
    fn new(inputs: &'a Inputs<'a>) -> Self {
        let heat = inputs.heat.iter().copied().chain(std::iter::repeat(0.0));
        let cell = |(range, heat)| Cell { range, heat, whole: false };
        let cells = inputs.map.ranges().zip(heat).map(cell).collect();
        Self { inputs, cells, shape: inputs.shape.clone() }
    }

    fn cut_at_partitions(&mut self) {
        for boundary in self.inputs.partition_boundaries {
            let at = self.cells.partition_point(|cell| cell.range.start <= *boundary) - 1;
            if self.cells[at].range.start != *boundary {
                let cut = self.cut_at(&self.cells[at].range, boundary.clone());
                self.cut(at, cut);
            }
        }
    }

    fn refine(&mut self) {
        for _ in 0..CUTS_MAX {
            let Some(hot) = self.hottest() else { return };
            let Some(cut) = self.middle(&self.cells[hot].range) else {
                self.cells[hot].whole = true;
                continue;
            };
            let mut at = hot;
            if self.cells.len() >= self.inputs.quota {
                // Colder than any hot cell, so the pair cannot contain the one to be cut.
                let cold = COLD_TIMES_MEAN * self.mean();
                let Some(pair) = self.coldest_pair(cold) else {
                    return;
                };
                self.join(pair);
                at -= usize::from(pair < hot);
            }
            self.cut(at, cut);
        }
    }

    /// Joins the coldest neighbours until the quota is kept.
    fn fit(&mut self) {
        while self.cells.len() > self.inputs.quota {
            let Some(pair) = self.coldest_pair(f64::INFINITY) else {
                return;
            };
            self.join(pair);
        }
    }

    fn finish(self) -> Option<Adapted> {
        let boundaries = self.cells.iter().skip(1).map(|cell| cell.range.start.clone());
        let map = CellMap::new(boundaries);
        let heat = self.cells.iter().map(|cell| cell.heat).collect();
        (map != *self.inputs.map).then_some(Adapted { map, heat, shape: self.shape })
    }

    /// The mean load of a cell at the resolution that the table should have.
    fn mean(&self) -> f64 {
        let partitions = self.inputs.partition_boundaries.len() + 1;
        let wanted = (CELLS_PER_PARTITION * partitions).max(self.inputs.cells_initial);
        let cells = wanted.min(self.inputs.quota).max(self.cells.len());
        self.cells.iter().map(|cell| cell.heat).sum::<f64>() / cells as f64
    }

    /// The hottest cell that is to be cut and may be.
    fn hottest(&self) -> Option<usize> {
        let hot = HOT_TIMES_MEAN * self.mean();
        let candidates = self.cells.iter().enumerate();
        let candidates = candidates.filter(|(_, cell)| !cell.whole && cell.heat > hot);
        candidates.max_by(|a, b| a.1.heat.total_cmp(&b.1.heat)).map(|(at, _)| at)
    }

    /// The left one of the two neighbours with the least load, of one partition, below `heat_max`.
    fn coldest_pair(&self, heat_max: f64) -> Option<usize> {
        let heat = |at: &usize| self.cells[*at].heat + self.cells[*at + 1].heat;
        let free = |at: &usize| {
            !self.inputs.partition_boundaries.contains(&self.cells[*at + 1].range.start)
        };
        let pairs = (0..self.cells.len() - 1).filter(|at| free(at) && heat(at) < heat_max);
        pairs.min_by(|a, b| heat(a).total_cmp(&heat(b)))
    }

    fn join(&mut self, at: usize) {
        let right = self.cells.remove(at + 1);
        let left = &mut self.cells[at];
        left.range.end = right.range.end;
        left.heat += right.heat;
        left.whole = false;
    }

    fn cut(&mut self, at: usize, cut: Cut) {
        let whole = self.cells[at].clone();
        if cut.seen {
            self.shape.learn(&whole.range, &cut.boundary, cut.left_share);
        }
        let left = KeyRange { start: whole.range.start, end: Some(cut.boundary.clone()) };
        let right = KeyRange { start: cut.boundary, end: whole.range.end };
        let cell = |range, share| Cell { range, heat: whole.heat * share, whole: false };
        let halves = [cell(left, cut.left_share), cell(right, 1.0 - cut.left_share)];
        self.cells.splice(at..=at, halves);
    }

    fn samples_in(&self, range: &KeyRange) -> &'a [Weighted] {
        let samples = self.inputs.samples;
        let from = samples.partition_point(|sample| sample.key.as_bytes() < range.start.as_ref());
        let below = |sample: &Weighted| {
            range.end.as_ref().is_none_or(|end| sample.key.as_bytes() < end.as_ref())
        };
        let until = samples.partition_point(below);
        &samples[from..until.max(from)]
    }

    /// A cut at a boundary that is given.
    fn cut_at(&self, whole: &KeyRange, boundary: Bytes) -> Cut {
        let samples = self.samples_in(whole);
        if samples.len() >= SAMPLES_MIN {
            let left = samples.iter().filter(|sample| sample.key.as_bytes() < boundary.as_ref());
            let left_share = share(left, samples);
            return Cut { boundary, left_share, seen: true };
        }
        let left = KeyRange { start: whole.start.clone(), end: Some(boundary.clone()) };
        Cut { left_share: self.shape.share(whole, &left), boundary, seen: false }
    }

    /// The cut that divides a cell's load best; `None` without enough samples to say so, or if all
    /// are of one key.
    fn middle(&self, whole: &KeyRange) -> Option<Cut> {
        let grain = self.inputs.grain;
        let samples = self.samples_in(whole);
        if samples.len() < SAMPLES_MIN {
            return None;
        }
        let between = candidates(samples, grain);
        let inside = between.into_iter().filter_map(|(boundary, left_share)| {
            let boundary = axis::strictly_inside(whole, boundary)?;
            Some(Cut { boundary, left_share, seen: true })
        });
        let off = |cut: &Cut| (cut.left_share - 0.5).abs();
        inside.min_by(|a, b| off(a).total_cmp(&off(b)))
    }
}

/// The boundaries before, between and after the sampled keys, with the share of load below each. The
/// outer ones serve to close in on a single key.
fn candidates(samples: &[Weighted], grain: Grain) -> Vec<(Bytes, f64)> {
    let all: f64 = samples.iter().map(|sample| sample.units).sum();
    let [first, .., last] = samples else {
        return Vec::new();
    };
    let first_key = first.key.as_bytes();
    let head = match grain {
        Grain::Hash => &first_key[..first_key.len().min(axis::HASH_BYTES)],
        Grain::Key => first_key,
    };
    let mut found = vec![(Bytes::copy_from_slice(head), 0.0)];
    let mut below = 0.0;
    for pair in samples.windows(2) {
        below += pair[0].units;
        let cut = axis::separator(pair[0].key.as_bytes(), pair[1].key.as_bytes(), grain);
        found.extend(cut.map(|boundary| (boundary, if all > 0.0 { below / all } else { 0.5 })));
    }
    found.extend(axis::after(last.key.as_bytes(), grain).map(|boundary| (boundary, 1.0)));
    found
}

/// The share of the units of `all` that `some` have.
fn share<'a>(some: impl Iterator<Item = &'a Weighted>, all: &[Weighted]) -> f64 {
    let total: f64 = all.iter().map(|sample| sample.units).sum();
    if total > 0.0 { some.map(|sample| sample.units).sum::<f64>() / total } else { 0.5 }
}

#[cfg(test)]
mod tests;
