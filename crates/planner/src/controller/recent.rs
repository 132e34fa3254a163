//! The load of each cell over the last minutes, kept up bin by bin.

use std::collections::VecDeque;
use types::{KeyRange, Units};
use workload::{Channel, Timeline};

/// The last bins of every cell, so that each look reads only what is new.
#[derive(Debug, Default)]
pub(super) struct RecentLoads {
    cells: Vec<KeyRange>,
    /// One row per bin, one load per cell.
    rows: VecDeque<Vec<Units>>,
    until_ms: i64,
}

impl RecentLoads {
    /// Takes the bins that have closed since the last look, all of the last `length_ms` if the
    /// cells have changed.
    pub(super) fn follow(&mut self, timeline: &Timeline, cells: &[KeyRange], length_ms: i64) {
        if self.cells != cells {
            self.cells = cells.to_vec();
            self.rows.clear();
        }
        let oldest_ms = timeline.end_ms() - length_ms;
        let from_ms = if self.rows.is_empty() { oldest_ms } else { self.until_ms.max(oldest_ms) };
        let reads = timeline.matrix(cells, Channel::ReadUnits, from_ms);
        let writes = timeline.matrix(cells, Channel::WriteUnits, from_ms);
        let bins = reads.first().map_or(0, |series| series.values.len());
        for bin in 0..bins {
            let loads = reads.iter().zip(&writes);
            let load = loads.map(|(r, w)| Units { read: r.values[bin], write: w.values[bin] });
            self.rows.push_back(load.collect());
        }
        let kept = (length_ms / timeline.bin_ms()).max(1) as usize;
        self.rows.drain(..self.rows.len().saturating_sub(kept));
        self.until_ms = timeline.end_ms();
    }

    /// The mean load of each cell.
    pub(super) fn means(&self) -> Vec<Units> {
        let share = 1.0 / self.rows.len().max(1) as f64;
        let mut means = vec![Units::ZERO; self.cells.len()];
        for row in &self.rows {
            for (mean, load) in means.iter_mut().zip(row) {
                *mean += crate::load::scale(*load, share);
            }
        }
        means
    }
}
