//! A table's history as the simulator plays it.
//!
//! Taken from the collector a day at a time, so that its lock is never held for long.

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

/// All that is known of a table's load, and its requests throttled per second, bin by bin.
pub(super) struct History {
    pub(super) matrix: RecordedMatrix,
    /// When each bin began, how long it is, and requests throttled per second in it.
    pub(super) throttled: Vec<(i64, i64, f64)>,
}

/// Collects it from `from_ms` on; `None` if there is nothing.
pub(super) fn collect(
    shared: &Shared,
    table: TableId,
    maps: Vec<(i64, Vec<Bytes>)>,
    mut from_ms: i64,
) -> Option<History> {
    let ranges: Vec<KeyRange> = shared.collector.lock().cells(table)?.ranges().collect();
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
        history.take(&page);
    }
    (!history.matrix.bins.is_empty()).then_some(history)
}

impl History {
    fn take(&mut self, page: &MatrixPage) {
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
            self.throttled.push((start_ms, page.bin_ms, sum(THROTTLES)));
        }
    }

    /// Requests throttled between two moments.
    pub(super) fn throttled(&self, from_ms: i64, to_ms: i64) -> f64 {
        let within =
            self.throttled.iter().filter(|(start_ms, ..)| (from_ms..to_ms).contains(start_ms));
        within.map(|(_, bin_ms, per_s)| per_s * *bin_ms as f64 / 1000.0).sum()
    }
}
