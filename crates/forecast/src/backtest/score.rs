//! Sums of losses over origins and steps.

use super::{Coverage, ModelReport, Pinball};
use crate::Observation;
use crate::candidate::pinball;
use crate::outlook::{Quantile, Step};

/// What one model has cost so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Score {
    first_step: usize,
    origins: u64,
    bins: u64,
    absolute: f64,
    relative: f64,
    pinball: [f64; 3],
    covered: [u64; 3],
}

impl Score {
    /// Nothing yet; steps before `first_step` (from 0) will not count.
    pub(super) fn new(first_step: usize) -> Self {
        Self { first_step, ..Self::default() }
    }

    /// Compares one origin's forecast with what came; gaps do not count.
    pub(super) fn add(&mut self, steps: &[Step], actual: &[f64]) {
        self.origins += 1;
        for (step, &value) in steps.iter().zip(actual).skip(self.first_step) {
            let Observation::Value(value) = Observation::from(value) else {
                continue;
            };
            self.bins += 1;
            let miss = (value - step.q50).abs();
            self.absolute += miss;
            if miss > 0.0 {
                self.relative += 2.0 * miss / (value + step.q50);
            }
            for (at, quantile) in Quantile::ALL.into_iter().enumerate() {
                self.pinball[at] += pinball(quantile, step.at(quantile), value);
                self.covered[at] += u64::from(value <= step.at(quantile));
            }
        }
    }

    /// The means, losses divided by `scale`.
    pub(super) fn report(
        &self,
        name: &str,
        scale: f64,
        fit_cpu_ms: f64,
        predict_cpu_us: f64,
    ) -> ModelReport {
        let bins = self.bins as f64;
        let [p50, p90, p99] = self.pinball.map(|loss| loss / bins / scale);
        let [_, c90, c99] = self.covered.map(|covered| covered as f64 / bins);
        ModelReport {
            name: name.into(),
            origins: self.origins,
            mase: self.absolute / bins / scale,
            smape: self.relative / bins,
            pinball: Pinball { q50: p50, q90: p90, q99: p99 },
            coverage: Coverage { q90: c90, q99: c99 },
            fit_cpu_ms,
            predict_cpu_us,
        }
    }
}
