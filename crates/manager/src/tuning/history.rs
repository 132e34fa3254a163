//! A table's history as the simulator plays it.
//!
//! Taken from the collector a day at a time, so that its lock is never held for long. The two sides of a
//! canary's border are tables of their own to the simulator: [`History::side`] cuts one out.

use crate::shared::Shared;
use bytes::Bytes;
use types::{KeyRange, TableId, Units};
use workload::{MatrixBin, MatrixPage, RecordedMatrix};

/// Bins taken under one lock: a day's.
const BINS_MAX: usize = 288;
/// Where the channels of a page are.
const READ: usize = 0;
const WRITE: usize = 1;
const REQUESTS: usize = 2;
const THROTTLES: usize = 4;

/// A side of a canary's border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The keys below it.
    Canary,
    /// Those from it on.
    Rest,
}

/// All that is known of a table's load, and its requests throttled per second, bin by bin.
pub(super) struct History {
    pub(super) matrix: RecordedMatrix,
    /// When each bin began, how long it is, and requests throttled per second in it, below the border
    /// and from it on.
    throttled: Vec<(i64, i64, [f64; 2])>,
}

/// Collects it from `from_ms` on, throttled requests by the sides of a border, if there is one; `None` if
/// there is nothing.
pub(super) fn collect(
    shared: &Shared,
    table: TableId,
    maps: Vec<(i64, Vec<Bytes>)>,
    mut from_ms: i64,
    border: Option<&Bytes>,
) -> Option<History> {
    let ranges: Vec<KeyRange> = shared.collector.lock().cells(table)?.ranges().collect();
    let below = border.map_or(0, |key| ranges.partition_point(|range| range.start < *key));
    let mut history = History {
        matrix: RecordedMatrix {
            table: None,
            capacity: Some(shared.components.capacity),
            cells: ranges.iter().map(|range| range.start.clone()).collect(),
            maps,
            bins: Vec::new(),
        },
        throttled: Vec::new(),
    };
    loop {
        let page = shared.collector.lock().history(table)?.page(&ranges, from_ms, BINS_MAX);
        if page.bins.is_empty() {
            break;
        }
        from_ms = page.page_end_ms();
        history.take(&page, below);
    }
    (!history.matrix.bins.is_empty()).then_some(history)
}

impl History {
    /// Takes in a page; the first `below` cells are below the border.
    fn take(&mut self, page: &MatrixPage, below: usize) {
        for (number, channels) in (0..).zip(&page.bins) {
            let Some(channels) = channels else { continue };
            let start_ms = page.start_ms + number * page.bin_ms;
            let of = |channel: usize, cell: usize| {
                channels[channel].get(cell).map_or(0.0, |value| f64::from(*value))
            };
            let sum = |channel: usize| channels[channel].iter().copied().map(f64::from).sum();
            let units = (0..page.cells.len())
                .map(|cell| (cell as u32, Units { read: of(READ, cell), write: of(WRITE, cell) }))
                .filter(|(_, units)| units.total() > 0.0);
            self.matrix.bins.push(MatrixBin {
                start_ms,
                bin_ms: page.bin_ms,
                units: units.collect(),
                requests: sum(REQUESTS),
            });
            let until_border =
                |(cell, value): (usize, &f32)| (cell < below).then_some(f64::from(*value));
            let canary = channels[THROTTLES].iter().enumerate().filter_map(until_border).sum();
            let both = [canary, sum(THROTTLES) - canary];
            self.throttled.push((start_ms, page.bin_ms, both));
        }
    }

    /// Requests throttled between two moments, on a side or on both.
    pub(super) fn throttled(&self, from_ms: i64, to_ms: i64, side: Option<Side>) -> f64 {
        let of = |[canary, rest]: [f64; 2]| match side {
            Some(Side::Canary) => canary,
            Some(Side::Rest) => rest,
            None => canary + rest,
        };
        let within =
            self.throttled.iter().filter(|(start_ms, ..)| (from_ms..to_ms).contains(start_ms));
        within.map(|(_, bin_ms, per_s)| of(*per_s) * *bin_ms as f64 / 1000.0).sum()
    }

    /// The load of one side as that of a table of its own. What a request takes is taken to be the
    /// same on both.
    pub(super) fn side(&self, border: &Bytes, side: Side) -> RecordedMatrix {
        let whole = &self.matrix;
        let below = whole.cells.partition_point(|start| start < border);
        let cells = match side {
            Side::Canary => 0..below,
            Side::Rest => below..whole.cells.len(),
        };
        let bin = |bin: &MatrixBin| {
            let mine = bin.units.iter().filter(|(cell, _)| cells.contains(&(*cell as usize)));
            let units: Vec<_> =
                mine.map(|(cell, units)| (cell - cells.start as u32, *units)).collect();
            let total = |units: &[(u32, Units)]| units.iter().map(|(_, u)| u.total()).sum::<f64>();
            let all = total(&bin.units);
            let share = if all > 0.0 { total(&units) / all } else { 0.0 };
            MatrixBin { units, requests: bin.requests * share, ..*bin }
        };
        RecordedMatrix {
            table: None,
            capacity: whole.capacity,
            cells: whole.cells[cells.clone()].to_vec(),
            maps: whole
                .maps
                .iter()
                .map(|(at_ms, boundaries)| (*at_ms, within(boundaries, border, side)))
                .collect(),
            bins: whole.bins.iter().map(bin).collect(),
        }
    }
}

/// The boundaries on one side of a border, without it.
pub(super) fn within(boundaries: &[Bytes], border: &Bytes, side: Side) -> Vec<Bytes> {
    let mine = |key: &&Bytes| match side {
        Side::Canary => *key < border,
        Side::Rest => *key > border,
    };
    boundaries.iter().filter(mine).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_a_table_with_its_own_cells_load_and_boundaries() {
        let key = |key: &'static str| Bytes::from(key);
        let bin = |start_ms, units: [f64; 4]| MatrixBin {
            start_ms,
            bin_ms: 300_000,
            units: (0..).zip(units.map(Units::write)).collect(),
            requests: 100.0,
        };
        let history = History {
            matrix: RecordedMatrix {
                table: Some("t".into()),
                capacity: None,
                cells: vec![key(""), key("c"), key("k"), key("p")],
                maps: vec![(0, vec![key("c"), key("k"), key("p")])],
                bins: vec![bin(0, [1.0, 2.0, 3.0, 4.0])],
            },
            throttled: vec![(0, 300_000, [1.0, 2.0]), (300_000, 300_000, [5.0, 0.0])],
        };
        let canary = history.side(&key("k"), Side::Canary);
        assert_eq!(canary.cells, [key(""), key("c")]);
        assert_eq!(canary.maps, [(0, vec![key("c")])]);
        let writes =
            |units: &[f64]| (0..).zip(units.iter().copied().map(Units::write)).collect::<Vec<_>>();
        assert_eq!(canary.bins[0].units, writes(&[1.0, 2.0]));
        assert_eq!(canary.bins[0].requests, 30.0);
        let rest = history.side(&key("k"), Side::Rest);
        assert_eq!((rest.cells, rest.maps), (vec![key("k"), key("p")], vec![(0, vec![key("p")])]));
        assert_eq!(rest.bins[0].units, writes(&[3.0, 4.0]));
        let throttled = |side| history.throttled(0, 600_000, side);
        assert_eq!(throttled(Some(Side::Canary)), 1_800.0);
        assert_eq!((throttled(Some(Side::Rest)), throttled(None)), (600.0, 2_400.0));
    }
}
