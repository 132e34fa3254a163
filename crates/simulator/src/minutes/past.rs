//! What a partition's keys carried in the last day, and at this hour of earlier days.

use super::bank::HistoryBins;
use crate::matrix::Kind;
use ::workload::HISTORY_BIN_MS;
use planner::load::larger;
use std::collections::VecDeque;
use std::ops::Range;
use types::Units;

const DAY_MS: i64 = 24 * 3_600_000;
const DAY_BINS: usize = (DAY_MS / HISTORY_BIN_MS) as usize;

/// One partition's past.
#[derive(Clone, Debug)]
pub(super) struct Past {
    cells: Range<usize>,
    /// The last day's bins that no later bin exceeds, per kind: the first is the highest.
    peaks: [VecDeque<(usize, f64)>; 2],
    seen: usize,
}

impl Past {
    pub(super) fn new(cells: Range<usize>) -> Self {
        Self { cells, peaks: Default::default(), seen: 0 }
    }

    /// Takes the bins that have closed.
    pub(super) fn follow(&mut self, bins: &HistoryBins, closed: usize) {
        let oldest = closed.saturating_sub(DAY_BINS);
        for (kind, peaks) in Kind::ALL.into_iter().zip(&mut self.peaks) {
            for bin in self.seen.max(oldest)..closed {
                let load = bins.load(kind, bin, &self.cells);
                while peaks.back().is_some_and(|(_, lower)| *lower <= load) {
                    peaks.pop_back();
                }
                peaks.push_back((bin, load));
            }
            while peaks.front().is_some_and(|(bin, _)| *bin < oldest) {
                peaks.pop_front();
            }
        }
        self.seen = closed;
    }

    /// The highest bin of the last day.
    pub(super) fn day_max(&self) -> Units {
        let highest = |kind: Kind| self.peaks[kind as usize].front().map_or(0.0, |(_, load)| *load);
        Units { read: highest(Kind::Read), write: highest(Kind::Write) }
    }

    /// The highest bins in the `payback_ms` that followed this moment a day and a week ago; `None` if
    /// neither is on record.
    pub(super) fn season_max(
        &self,
        bins: &HistoryBins,
        now_ms: i64,
        payback_ms: i64,
    ) -> Option<Units> {
        let ago = |days: i64| {
            let from_ms = now_ms - days * DAY_MS;
            (from_ms >= bins.start_ms(0)).then(|| {
                let first = bins.closed(from_ms);
                let end = (first + (payback_ms / HISTORY_BIN_MS).max(1) as usize).min(self.seen);
                let highest = |kind| {
                    let loads = (first..end).map(|bin| bins.load(kind, bin, &self.cells));
                    loads.fold(0.0, f64::max)
                };
                Units { read: highest(Kind::Read), write: highest(Kind::Write) }
            })
        };
        match (ago(1), ago(7)) {
            (Some(day), Some(week)) => Some(larger(day, week)),
            (day, week) => day.or(week),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{CELLS, HISTORY_BIN_MINUTES, LoadMatrix};

    #[test]
    fn the_last_day_and_the_same_hour() {
        let minutes = 2 * DAY_BINS * HISTORY_BIN_MINUTES;
        let mut matrix = LoadMatrix::new(0, minutes);
        for (bin, load) in [(3, 70.0), (10, 50.0), (290, 20.0), (400, 30.0)] {
            for minute in bin * HISTORY_BIN_MINUTES..(bin + 1) * HISTORY_BIN_MINUTES {
                matrix.row_mut(Kind::Write, minute)[0] = load;
            }
        }
        let bins = HistoryBins::new(&matrix);
        let mut past = Past::new(0..CELLS);
        past.follow(&bins, 5);
        assert_eq!(past.day_max().write, 70.0);
        past.follow(&bins, 288 + 5);
        assert_eq!(past.day_max().write, 50.0, "bin 3 is more than a day old");
        past.follow(&bins, 500);
        assert_eq!(past.day_max().write, 30.0);
        let now_ms = 288 * HISTORY_BIN_MS;
        let season = past.season_max(&bins, now_ms, 5 * HISTORY_BIN_MS).unwrap();
        assert_eq!(season.write, 70.0);
        assert_eq!(past.season_max(&bins, now_ms - 1, HISTORY_BIN_MS), None);
    }
}
