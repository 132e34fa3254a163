//! How load spreads over the cells, step by step: worked out once, whoever asks.
//!
//! The share models see demand and nothing else, so what they say is the same for every policy of a
//! case. It is kept bin by bin as policies get there; steps that say the same share their memory.

use super::bank::HistoryBins;
use crate::error::SimulatorError;
use crate::matrix::{CELLS, Kind};
use forecast::{ShareModel, ShareSettings};
use planner::ControllerSettings;
use std::sync::Arc;

const DAY_MS: i64 = 24 * 3_600_000;

/// One share per cell, for each step of the horizon; no steps where nothing is known.
pub type StepShares = Arc<[Arc<[f64]>]>;

/// The share models of a case with everything they have said.
pub(super) struct SharedShares {
    steps: usize,
    start_bin: usize,
    /// Per kind: the model, and what it said before each bin from the first that is played.
    kinds: [(ShareModel, Vec<StepShares>); 2],
}

impl SharedShares {
    /// Models that have seen the days before bin `start_bin`.
    pub(super) fn new(
        bins: &HistoryBins,
        start_bin: usize,
        settings: &ControllerSettings,
    ) -> Result<Self, SimulatorError> {
        let steps = settings.forecast.horizon_steps;
        let days_ms = settings.share_history_days * DAY_MS;
        let first = bins.closed(bins.start_ms(start_bin) - days_ms);
        let share_settings = ShareSettings { horizon_steps: steps, ..settings.shares.clone() };
        let model = |kind: Kind| {
            let model = ShareModel::new(CELLS, bins.start_ms(first), &share_settings);
            let mut model = model.map_err(planner::PlannerError::from)?;
            if bins.has(kind) {
                (first..start_bin).for_each(|bin| feed(&mut model, bins, kind, bin));
            }
            Ok::<_, SimulatorError>((model, Vec::new()))
        };
        Ok(Self { steps, start_bin, kinds: [model(Kind::Read)?, model(Kind::Write)?] })
    }

    /// What is known before bin `bin`.
    pub(super) fn at(&mut self, bins: &HistoryBins, kind: Kind, bin: usize) -> StepShares {
        if !bins.has(kind) {
            return Arc::new([]);
        }
        let (model, said) = &mut self.kinds[kind as usize];
        while said.len() <= bin - self.start_bin {
            if let Some(before) = said.len().checked_sub(1) {
                feed(model, bins, kind, self.start_bin + before);
            }
            said.push(compact(model.shares(self.steps)));
        }
        said[bin - self.start_bin].clone()
    }
}

fn feed(model: &mut ShareModel, bins: &HistoryBins, kind: Kind, bin: usize) {
    // As many loads as cells, by construction.
    let taken = model.push(&bins.row(kind, bin));
    debug_assert!(taken.is_ok(), "{taken:?}");
}

/// Many models say the same of several steps, or of all.
fn compact(steps: Vec<Vec<f64>>) -> StepShares {
    let mut kept: Vec<Arc<[f64]>> = Vec::with_capacity(steps.len());
    for shares in steps {
        match kept.last().filter(|last| ***last == *shares) {
            Some(last) => kept.push(last.clone()),
            None => kept.push(shares.into()),
        }
    }
    kept.into()
}
