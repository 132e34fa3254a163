//! Sums of losses over origins and steps, and how sure they are.

use super::{Coverage, ModelReport, Pinball};
use crate::Observation;
use crate::candidate::pinball;
use crate::outlook::{Quantile, Step};
use crate::random::Random;

/// How often the days are drawn anew for an interval.
const DRAWS: usize = 2_000;
const SEED: u64 = 1;

/// What one model has cost so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Score {
    first_step: usize,
    origins: u64,
    bins: u64,
    absolute: f64,
    /// The absolute errors of each day, and of how many bins.
    days: Vec<(i64, f64, u64)>,
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
    pub(super) fn add(&mut self, start_ms: i64, steps: &[Step], actual: &[f64]) {
        self.origins += 1;
        let before = (self.absolute, self.bins);
        self.add_steps(steps, actual);
        let (absolute, bins) = (self.absolute - before.0, self.bins - before.1);
        let day = start_ms.div_euclid(86_400_000);
        match self.days.last_mut().filter(|last| last.0 == day) {
            Some(last) => (last.1, last.2) = (last.1 + absolute, last.2 + bins),
            None => self.days.push((day, absolute, bins)),
        }
    }

    fn add_steps(&mut self, steps: &[Step], actual: &[f64]) {
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

    /// The 95 % interval of the mean absolute error: days are drawn anew, with replacement. Errors
    /// within a day hang together, so the day is the block (H. Künsch, *Annals of Statistics*, 1989).
    fn interval(&self) -> [f64; 2] {
        if self.days.is_empty() {
            return [f64::NAN; 2];
        }
        let mut random = Random::new(SEED);
        let mut draw = || {
            let drawn = (0..self.days.len()).map(|_| self.days[random.below(self.days.len())]);
            let (sum, bins) =
                drawn.fold((0.0, 0), |(sum, bins), (_, more, n)| (sum + more, bins + n));
            sum / bins.max(1) as f64
        };
        let mut means: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
        means.sort_by(f64::total_cmp);
        [means[DRAWS / 40], means[DRAWS - 1 - DRAWS / 40]]
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
            mase_95: self.interval().map(|error| error / scale),
            smape: self.relative / bins,
            pinball: Pinball { q50: p50, q90: p90, q99: p99 },
            coverage: Coverage { q90: c90, q99: c99 },
            fit_cpu_ms,
            predict_cpu_us,
        }
    }
}
