//! Forecasts that are made once, whoever asks.
//!
//! Demand does not depend on the policy, so neither does the forecast of a range of cells: the bank
//! keeps, per range and kind, a forecaster and everything it has said, bin by bin, and lets every
//! policy of a case read it. **What a policy is told does not depend on who asked before**: a range's
//! forecaster begins at a moment that follows from when the partition was made (the midnight before
//! it, at the latest the start of play), reads the history up to there, and is then fed every bin, as
//! the service does; a bank of one's own gives the same answers. How load spreads over the cells does not
//! depend on policies either and is kept in the same way. (The service begins at the very
//! moment a partition is made; midnight is what lets a range be met twice.)

use super::shares::{SharedShares, StepShares};
use crate::error::SimulatorError;
use crate::matrix::{CELLS, HISTORY_BIN_MINUTES, Kind, LoadMatrix};
use ::workload::HISTORY_BIN_MS;
use forecast::{Abstention, ForecastSettings, Outlook, Series, SeriesForecaster};
use planner::ControllerSettings;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

const DAY_BINS: usize = (24 * 3_600_000 / HISTORY_BIN_MS) as usize;

/// Demand in bins of five minutes, such that the load of any range is one subtraction.
#[derive(Clone, Debug)]
pub struct HistoryBins {
    start_ms: i64,
    bins: usize,
    /// Per kind and bin the sums of the first 0, 1, … cells; empty if there is no such load.
    sums: [Vec<f64>; 2],
}

impl HistoryBins {
    /// The bins of a matrix.
    pub fn new(matrix: &LoadMatrix) -> Self {
        let bins = matrix.minutes() / HISTORY_BIN_MINUTES;
        let sums = Kind::ALL.map(|kind| {
            if matrix.row(kind, 0).is_none() {
                return Vec::new();
            }
            let mut sums = Vec::with_capacity(bins * (CELLS + 1));
            for bin in 0..bins {
                let mut loads = [0.0; CELLS];
                for minute in bin * HISTORY_BIN_MINUTES..(bin + 1) * HISTORY_BIN_MINUTES {
                    for (sum, load) in loads.iter_mut().zip(matrix.row(kind, minute).unwrap_or(&[]))
                    {
                        *sum += f64::from(*load);
                    }
                }
                let mut sum = 0.0;
                sums.push(sum);
                for load in loads {
                    sum += load / HISTORY_BIN_MINUTES as f64;
                    sums.push(sum);
                }
            }
            sums
        });
        Self { start_ms: matrix.start_ms(), bins, sums }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bins
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bins == 0
    }

    /// When a bin begins.
    pub fn start_ms(&self, bin: usize) -> i64 {
        self.start_ms + bin as i64 * HISTORY_BIN_MS
    }

    /// How many bins are over at `now_ms`.
    pub fn closed(&self, now_ms: i64) -> usize {
        let closed = (now_ms - self.start_ms).div_euclid(HISTORY_BIN_MS).max(0) as usize;
        closed.min(self.bins)
    }

    /// Whether there is load of this kind at all.
    pub fn has(&self, kind: Kind) -> bool {
        !self.sums[kind as usize].is_empty()
    }

    /// The load of some cells in a bin, in units per second.
    pub fn load(&self, kind: Kind, bin: usize, cells: &Range<usize>) -> f64 {
        let sums = &self.sums[kind as usize];
        let at = bin * (CELLS + 1);
        match (sums.get(at + cells.start), sums.get(at + cells.end)) {
            (Some(before), Some(until)) => until - before,
            _ => 0.0,
        }
    }

    /// The load of every cell in a bin.
    pub fn row(&self, kind: Kind, bin: usize) -> Vec<f64> {
        (0..CELLS).map(|cell| self.load(kind, bin, &(cell..cell + 1))).collect()
    }
}

/// Which forecaster: kind, cells, and the bin it begins with.
type Key = (Kind, Range<usize>, usize);

/// A forecaster with everything it has said.
struct Entry {
    forecaster: Option<Box<SeriesForecaster>>,
    /// What was known before each bin, from the one it begins with.
    outlooks: Vec<Arc<Outlook>>,
}

/// All forecasts of a case.
pub struct Bank {
    bins: HistoryBins,
    start_bin: usize,
    settings: ForecastSettings,
    entries: RefCell<HashMap<Key, Entry>>,
    shares: RefCell<SharedShares>,
    nothing: Arc<Outlook>,
}

impl Bank {
    /// A bank for a matrix that is played from `start_ms` on.
    pub fn new(
        matrix: &LoadMatrix,
        start_ms: i64,
        settings: &ControllerSettings,
    ) -> Result<Self, SimulatorError> {
        let bins = HistoryBins::new(matrix);
        let start_bin = bins.closed(start_ms);
        let reason = "nothing of this kind was ever asked for".to_string();
        Ok(Self {
            start_bin,
            nothing: Arc::new(abstain(start_ms, reason)),
            settings: settings.forecast.clone(),
            entries: RefCell::default(),
            shares: RefCell::new(SharedShares::new(&bins, start_bin, settings)?),
            bins,
        })
    }

    /// How the load of a kind spreads over the cells in each step of the horizon, by what is known
    /// before bin `bin`; empty if there is no such load.
    pub fn shares(&self, kind: Kind, bin: usize) -> StepShares {
        self.shares.borrow_mut().at(&self.bins, kind, bin)
    }

    /// Demand in bins.
    pub fn bins(&self) -> &HistoryBins {
        &self.bins
    }

    /// How many forecasters were built.
    pub fn forecasters(&self) -> usize {
        self.entries.borrow().len()
    }

    /// What is known of the load of `cells` before bin `bin`, by a partition that was made in bin
    /// `made_bin`.
    pub fn outlook(
        &self,
        kind: Kind,
        cells: &Range<usize>,
        made_bin: usize,
        bin: usize,
    ) -> Arc<Outlook> {
        if !self.bins.has(kind) {
            return self.nothing.clone();
        }
        let begin = self.begin(made_bin);
        let mut entries = self.entries.borrow_mut();
        let entry = entries
            .entry((kind, cells.clone(), begin))
            .or_insert_with(|| self.build(kind, cells, begin));
        while entry.outlooks.len() <= bin - begin {
            self.feed(entry, kind, cells, begin);
        }
        entry.outlooks[bin - begin].clone()
    }

    /// The midnight before, or the start of play.
    fn begin(&self, made_bin: usize) -> usize {
        let first_ms = self.bins.start_ms(made_bin);
        let into_day = first_ms.rem_euclid(24 * 3_600_000) / HISTORY_BIN_MS;
        made_bin.saturating_sub(into_day as usize % DAY_BINS).max(self.start_bin)
    }

    fn build(&self, kind: Kind, cells: &Range<usize>, begin: usize) -> Entry {
        let values = (0..begin).map(|bin| self.bins.load(kind, bin, cells)).collect();
        let series = Series::new(self.bins.start_ms(0), HISTORY_BIN_MS, values);
        match SeriesForecaster::from_history(&series, &self.settings) {
            Ok(forecaster) => Entry {
                outlooks: vec![Arc::new(forecaster.forecast(self.settings.horizon_steps))],
                forecaster: Some(Box::new(forecaster)),
            },
            Err(error) => {
                let reason = format!("the forecaster refuses the history: {error}");
                let outlook = abstain(self.bins.start_ms(begin), reason);
                Entry { forecaster: None, outlooks: vec![Arc::new(outlook)] }
            }
        }
    }

    /// One more bin.
    fn feed(&self, entry: &mut Entry, kind: Kind, cells: &Range<usize>, begin: usize) {
        let bin = begin + entry.outlooks.len() - 1;
        let next = match &mut entry.forecaster {
            Some(forecaster) => {
                forecaster.push(self.bins.load(kind, bin, cells));
                Arc::new(forecaster.forecast(self.settings.horizon_steps))
            }
            None => entry.outlooks[entry.outlooks.len() - 1].clone(),
        };
        entry.outlooks.push(next);
    }
}

pub(super) fn abstain(start_ms: i64, reason: String) -> Outlook {
    Outlook::Abstain(Abstention { start_ms, reason, level: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::workloads;

    #[test]
    fn bins_are_means_of_minutes() {
        let case = Case::generated(workloads::find("weekly").unwrap(), 1);
        let bins = HistoryBins::new(&case.matrix);
        for (bin, cells) in [(0, 3..90), (700, 0..CELLS), (bins.len() - 1, 255..256)] {
            let expected = case.matrix.history_load(bin, cells.clone()).write;
            let load = bins.load(Kind::Write, bin, &cells);
            assert!((load - expected).abs() < 1e-6 * expected, "{load} {expected}");
        }
        assert!(!bins.has(Kind::Read));
    }

    #[test]
    fn who_asked_before_does_not_matter() {
        let case = Case::generated(workloads::find("diurnal").unwrap(), 1);
        let settings = ControllerSettings::default();
        let bank = || Bank::new(&case.matrix, case.start_ms, &settings).unwrap();
        let (shared, own) = (bank(), bank());
        let start = shared.start_bin;
        let cells = 10..70;
        // Somebody else asks for the same range, later, and for a partition made at another time.
        shared.outlook(Kind::Write, &cells, start + 20, start + 500);
        for (made, bin) in [(start, start), (start + 30, start + 300), (start + 400, start + 410)] {
            assert_eq!(
                shared.outlook(Kind::Write, &cells, made, bin),
                own.outlook(Kind::Write, &cells, made, bin),
            );
        }
        assert_eq!(shared.forecasters(), 2, "the first day's, and the second day's");
    }
}
