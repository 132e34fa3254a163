//! The slicing sweep: where to put boundaries so that no partition is too full at any step.
//!
//! Given cells in key order, each with its load at every step of the horizon, a *slice* is a run of
//! cells. It fits if its load is within the target at every step, for reads and for writes. Fitting
//! is inherited by every part of a run, so the greedy sweep that extends a slice until some step
//! would exceed the target yields the fewest slices. A cell that does not fit alone is a slice of
//! its own: nothing smaller can be cut here, and if it is one key, nothing smaller exists.
//!
//! The sweep fills slices from the left and leaves the rest in the last one. Among all cuts into as
//! many slices, [`slices`] therefore finds the best balance (the lowest fullest slice), and within
//! a tolerance of it prefers boundaries that exist already, then evenness. Two dynamic programs
//! over runs of cells; with n cells, s steps and k slices O(n²·(s + k)) time, O(n²) memory.
//!
//! It knows nothing of costs or cooldowns: it answers "where", `policy` asks "whether".

use crate::load::{larger, scale};
use bytes::Bytes;
use std::ops::Range;
use types::{KeyRange, Units};

/// A run of load is within its target if it exceeds it by no more than this, relatively: sums of
/// floats depend on their order.
pub(crate) const ROUNDING: f64 = 1e-9;

/// What a slice counts as full that should have been broken up: above anything that load makes of
/// one, and finite, so that the best of several such can be told.
const JOINED_PENALTY: f64 = 1e6;

/// A cell as the sweep needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadCell {
    /// Its keys.
    pub range: KeyRange,
    /// Its load in each step.
    pub load: Vec<Units>,
    /// Whether no boundary can divide it.
    pub single_key: bool,
    /// Whether it has to be a slice of its own.
    pub alone: bool,
}

/// One of the slices found.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Which cells it is made of.
    pub cells: Range<usize>,
    /// Its keys.
    pub range: KeyRange,
    /// Its load in each step.
    pub load: Vec<Units>,
    /// Its fullest step, as a share of the target.
    pub full: f64,
    /// Whether it is above the target and consists of a single key: no re-partitioning helps.
    pub unsplittable: bool,
}

/// What limits the choice of boundaries.
#[derive(Clone, Debug)]
pub struct Constraints<'a> {
    /// The most a slice should carry.
    pub target: Units,
    /// Boundaries that exist today and are cheap to keep.
    pub existing: &'a [Bytes],
    /// At least this many slices, as far as there are cells.
    pub slices_min: usize,
    /// At most this many slices, even if they do not fit then.
    pub slices_max: usize,
    /// How much worse than the best balance a cut may be to keep an existing boundary.
    pub balance_tolerance: f64,
}

/// The smallest number of slices that fit.
pub fn fewest(cells: &[LoadCell], target: Units) -> usize {
    let runs = Runs::new(cells, target);
    let mut count = 0;
    let mut start = 0;
    while start < cells.len() {
        let mut end = start + 1;
        while end < cells.len() && runs.full(start, end + 1) <= 1.0 + ROUNDING {
            end += 1;
        }
        count += 1;
        start = end;
    }
    count
}

/// The fewest slices that fit (within the given bounds), as balanced as possible.
///
/// Cells must be in key order and adjacent. No cells, no slices.
pub fn slices(cells: &[LoadCell], constraints: &Constraints<'_>) -> Vec<Slice> {
    if cells.is_empty() {
        return Vec::new();
    }
    let runs = Runs::new(cells, constraints.target);
    let costs = Costs::new(&runs);
    let most = constraints.slices_max.clamp(1, cells.len());
    let count = fewest(cells, constraints.target).clamp(constraints.slices_min.min(most), most);
    let best = lowest_fullest(&costs, count);
    let mut bound = best * (1.0 + constraints.balance_tolerance);
    if best <= 1.0 + ROUNDING {
        bound = bound.min(1.0);
    }
    let bound = bound.max(best) + ROUNDING;
    let cuts = most_even(&costs, count, bound, &kept(cells, constraints.existing));
    cuts.windows(2).map(|cut| runs.slice(cut[0]..cut[1])).collect()
}

/// Prefix sums of the loads, so that a run's load at a step is one subtraction.
struct Runs<'a> {
    cells: &'a [LoadCell],
    target: Units,
    steps: usize,
    /// `sums[i][step]` is the load of the first `i` cells.
    sums: Vec<Vec<Units>>,
    /// How many of the first `i` cells have to be alone.
    alone: Vec<usize>,
}

impl<'a> Runs<'a> {
    fn new(cells: &'a [LoadCell], target: Units) -> Self {
        let steps = cells.iter().map(|cell| cell.load.len()).max().unwrap_or(0);
        let mut sums = vec![vec![Units::ZERO; steps]];
        for (i, cell) in cells.iter().enumerate() {
            let mut next = sums[i].clone();
            for (sum, load) in next.iter_mut().zip(&cell.load) {
                *sum += *load;
            }
            sums.push(next);
        }
        let mut alone = vec![0];
        for (i, cell) in cells.iter().enumerate() {
            alone.push(alone[i] + usize::from(cell.alone));
        }
        Self { cells, target, steps, sums, alone }
    }

    fn load(&self, start: usize, end: usize, step: usize) -> Units {
        self.sums[end][step] + scale(self.sums[start][step], -1.0)
    }

    /// The fullest step of the run `start..end`, as a share of the target. A run that has to be
    /// broken up is fuller than any that need not.
    fn full(&self, start: usize, end: usize) -> f64 {
        let full = self.fullest(start, end);
        let joined = end - start > 1 && self.alone[end] > self.alone[start];
        if joined { full + JOINED_PENALTY } else { full }
    }

    fn fullest(&self, start: usize, end: usize) -> f64 {
        let peak = (0..self.steps).map(|s| self.load(start, end, s)).fold(Units::ZERO, larger);
        crate::load::utilisation(peak, self.target)
    }

    fn slice(&self, cells: Range<usize>) -> Slice {
        let (first, last) = (&self.cells[cells.start], &self.cells[cells.end - 1]);
        let full = self.fullest(cells.start, cells.end);
        Slice {
            range: KeyRange { start: first.range.start.clone(), end: last.range.end.clone() },
            load: (0..self.steps).map(|s| self.load(cells.start, cells.end, s)).collect(),
            full,
            unsplittable: cells.len() == 1 && first.single_key && full > 1.0 + ROUNDING,
            cells,
        }
    }
}

/// How full every run is. A single cell above the target counts as nothing: it must be borne
/// however the rest is cut, and must not make a poor balance of the rest look acceptable.
struct Costs {
    cells: usize,
    full: Vec<f64>,
}

impl Costs {
    fn new(runs: &Runs<'_>) -> Self {
        let cells = runs.cells.len();
        let mut full = vec![0.0; cells * (cells + 1)];
        for start in 0..cells {
            for end in start + 1..=cells {
                let cost = runs.full(start, end);
                let borne = end == start + 1 && cost > 1.0 + ROUNDING;
                full[start * (cells + 1) + end] = if borne { 0.0 } else { cost };
            }
        }
        Self { cells, full }
    }

    fn of(&self, start: usize, end: usize) -> f64 {
        self.full[start * (self.cells + 1) + end]
    }
}

/// The lowest possible fullest slice when cutting into `count` slices.
fn lowest_fullest(costs: &Costs, count: usize) -> f64 {
    let mut best: Vec<f64> = (0..=costs.cells)
        .map(|end| if end == 0 { f64::INFINITY } else { costs.of(0, end) })
        .collect();
    for slices in 2..=count {
        // From the right, so that best[start] still speaks of one slice fewer.
        for end in (slices..=costs.cells).rev() {
            best[end] = (slices - 1..end)
                .map(|start| best[start].max(costs.of(start, end)))
                .fold(f64::INFINITY, f64::min);
        }
        best[slices - 1] = f64::INFINITY;
    }
    best[costs.cells]
}

/// What is minimised among balanced cuts, in this order: new boundaries, then unevenness.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Effort {
    new_boundaries: usize,
    squares: f64,
}

/// The cut positions (with both ends) of the best way into `count` slices none of which is fuller
/// than `bound`. `lowest_fullest` has shown that there is one.
fn most_even(costs: &Costs, count: usize, bound: f64, kept: &[bool]) -> Vec<usize> {
    let cells = costs.cells;
    let mut best: Vec<Vec<Option<(Effort, usize)>>> = vec![vec![None; cells + 1]; count + 1];
    best[0][0] = Some((Effort { new_boundaries: 0, squares: 0.0 }, 0));
    for slices in 1..=count {
        for end in slices..=cells {
            for start in slices - 1..end {
                let cost = costs.of(start, end);
                let Some((before, _)) = best[slices - 1][start].filter(|_| cost <= bound) else {
                    continue;
                };
                let effort = Effort {
                    new_boundaries: before.new_boundaries + usize::from(end < cells && !kept[end]),
                    squares: before.squares + cost * cost,
                };
                if best[slices][end].is_none_or(|(known, _)| effort < known) {
                    best[slices][end] = Some((effort, start));
                }
            }
        }
    }
    let mut cuts = vec![cells];
    for slices in (1..=count).rev() {
        let end = cuts[cuts.len() - 1];
        // Unreachable without a solution, and then the uncut run is the answer.
        cuts.push(best[slices][end].map_or(0, |(_, start)| start));
    }
    cuts.reverse();
    cuts.dedup();
    cuts
}

/// For every cut position, whether a boundary exists there.
fn kept(cells: &[LoadCell], existing: &[Bytes]) -> Vec<bool> {
    let mut kept: Vec<bool> =
        cells.iter().map(|cell| existing.contains(&cell.range.start)).collect();
    kept.push(true);
    kept
}

#[cfg(test)]
mod tests;
