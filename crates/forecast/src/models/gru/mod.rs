//! The recurrent network: one for all series, reading each bin by bin.
//!
//! [`network`] is the cell and its weights, [`features`] what goes in and comes out, [`train`] how
//! weights are learnt, [`stored`] how they are kept. This file is the method as the forecaster
//! uses it: a series only has a state of some dozen numbers, advanced once per bin, so thousands of
//! series share one set of weights. Without a network (before the first training) it is silent.
//!
//! Its worth is that it has seen all series: it knows what a morning looks like before a series has
//! had many of its own. It is calibrated and judged as every other method, and never trusted more.

mod features;
mod network;
mod stored;
mod train;

pub use network::Network;
pub use train::Trainer;

use crate::history::History;
use features::{Inputs, Scale};
use network::HIDDEN;
use std::sync::Arc;

/// How many of the readable bins a state is warmed up with when a network is taken over.
const WARM_UP_BINS: usize = 96;
/// How far above the largest load of the last day a forecast may lie.
const CEILING_FACTOR: f64 = 3.0;

/// The state of one series.
#[derive(Clone, Debug, Default)]
pub(crate) struct GruState {
    network: Option<Arc<Network>>,
    state: [f32; HIDDEN],
    /// Of the present origin.
    latest: Option<(Inputs, Scale)>,
    /// Nothing is read while only others learn; the state is warmed up afterwards.
    resting: bool,
    cold: bool,
}

impl GruState {
    /// Forecasts with this network from now on. One for other bins or steps is refused.
    pub(crate) fn adopt(
        &mut self,
        network: &Arc<Network>,
        history: &History,
        steps: usize,
    ) -> bool {
        if network.bin_ms() != history.bin_ms() || network.steps() != steps {
            return false;
        }
        self.network = Some(network.clone());
        self.warm_up(history);
        true
    }

    /// Whether to leave out the bins that come: a network has nothing to learn from them.
    pub(crate) fn rest(&mut self, resting: bool) {
        self.resting = resting;
        self.cold |= resting;
    }

    /// Takes the bin that `history` has just taken.
    pub(crate) fn push(&mut self, history: &History) {
        if self.resting {
            return;
        }
        if self.cold {
            self.warm_up(history);
        } else {
            self.read(history, 0);
        }
    }

    fn warm_up(&mut self, history: &History) {
        self.cold = false;
        self.state = [0.0; HIDDEN];
        for back in (0..WARM_UP_BINS.min(history.values().len())).rev() {
            self.read(history, back);
        }
    }

    /// Reads the origin that lies `back` bins before the present one.
    fn read(&mut self, history: &History, back: usize) {
        let Some(network) = &self.network else {
            return;
        };
        let values = history.values();
        let past = &values[..values.len() - back];
        let at_ms = history.next_start_ms() - back as i64 * history.bin_ms();
        self.latest = features::inputs(past, history.seasons(), at_ms, network.steps());
        if let Some((inputs, _)) = &self.latest {
            self.state = network.advance(&self.state, inputs).state;
        }
    }

    /// Writes the forecast of each step; `false` if there is none.
    pub(crate) fn predict(&self, history: &History, points: &mut [f64]) -> bool {
        let (Some(network), Some((inputs, scale))) = (&self.network, &self.latest) else {
            return false;
        };
        let values = history.values();
        let last_day = &values[values.len().saturating_sub(history.seasons().day_bins())..];
        let max = last_day.iter().fold(0.0_f32, |max, &value| max.max(value));
        let ceiling = CEILING_FACTOR * f64::from(max);
        for (step, point) in points.iter_mut().enumerate() {
            let output = network.read(&self.state, inputs, step);
            *point = scale.outward(output).clamp(0.0, ceiling);
            if !point.is_finite() {
                return false;
            }
        }
        true
    }

    pub(crate) fn state_bytes(&self) -> usize {
        let steps = self.latest.as_ref().map_or(0, |(inputs, _)| inputs.steps.len());
        size_of::<Self>() + steps * size_of::<[f32; features::STEP_INPUTS]>()
    }
}

#[cfg(test)]
mod tests;
