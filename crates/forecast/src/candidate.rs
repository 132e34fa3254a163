//! A method on trial: its machine, the forecasts it has made, and what became of them.
//!
//! Every forecast is remembered until the last of its bins has been seen. Each bin then settles one
//! step of each of the latest origins: the error goes to the calibration, and the pinball loss of
//! the quantile that was forecast *then* (R. Koenker and G. Bassett, *Regression quantiles*, 1978)
//! to the scoreboard.

use crate::calibration::{BAR_SAMPLES_PER_STEP_MAX, Calibration, SAMPLES_PER_STEP_MAX};
use crate::history::History;
use crate::linalg::add_scaled;
use crate::models::Machine;
use crate::outlook::{ModelKind, Quantile, Step};

/// How one bin went for a model, in the mean over the origins that had forecast it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) pinball: f64,
    pub(crate) covered: f64,
}

/// The pinball loss: what a forecast quantile costs when `value` comes.
pub(crate) fn pinball(quantile: Quantile, forecast: f64, value: f64) -> f64 {
    let miss = value - forecast;
    (quantile.level() * miss).max((quantile.level() - 1.0) * miss)
}

/// How many errors per step are worth their memory.
fn samples_max(kind: ModelKind) -> usize {
    if kind.is_naive() { BAR_SAMPLES_PER_STEP_MAX } else { SAMPLES_PER_STEP_MAX }
}

/// The origin of a slot that holds no forecast.
const NONE: u64 = u64::MAX;

/// One method on one series.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    kind: ModelKind,
    machine: Machine,
    calibration: Calibration,
    decision: Quantile,
    steps: usize,
    /// Which origin's forecast lies in each of the `steps` slots, or `NONE`. Empty, like the next, until
    /// the method has said something.
    origins: Vec<u64>,
    /// Per slot, per step: what was forecast, and its decision quantile (NaN if not calibrated).
    made: Vec<(f32, f32)>,
    points: Vec<f64>,
}

impl Candidate {
    pub(crate) fn new(
        kind: ModelKind,
        machine: Machine,
        steps: usize,
        calibration_bins: usize,
        decision: Quantile,
    ) -> Self {
        Self {
            kind,
            machine,
            calibration: Calibration::new(steps, calibration_bins, samples_max(kind)),
            decision,
            steps,
            origins: Vec::new(),
            made: Vec::new(),
            points: vec![0.0; steps],
        }
    }

    pub(crate) fn kind(&self) -> ModelKind {
        self.kind
    }

    pub(crate) fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Compares the forecasts for `bin` with what came. `None` if a step was not forecast.
    pub(crate) fn settle(&mut self, bin: u64, value: f64, floor: f64) -> Option<Outcome> {
        for step in self.calibration.keeps(bin) {
            if let Some((point, _)) = self.forecast_of(bin, step) {
                self.calibration.record(step, f64::from(point), value, floor);
            }
        }
        let mut sum = Outcome::default();
        for step in 0..self.steps {
            let (_, quantile) = self.forecast_of(bin, step)?;
            if quantile.is_nan() {
                return None;
            }
            sum.pinball += pinball(self.decision, f64::from(quantile), value);
            sum.covered += f64::from(u8::from(value <= f64::from(quantile)));
        }
        let mean = |sum: f64| sum / self.steps as f64;
        Some(Outcome { pinball: mean(sum.pinball), covered: mean(sum.covered) })
    }

    /// What was forecast for `bin` as the given step: point and decision quantile.
    fn forecast_of(&self, bin: u64, step: usize) -> Option<(f32, f32)> {
        let origin = bin.checked_sub(step as u64)?;
        let slot = self.slot(origin);
        self.has(origin).then(|| self.made[slot * self.steps + step])
    }

    /// Makes the forecast of the present origin.
    pub(crate) fn forecast(&mut self, history: &History, floor: f64) {
        let spoke = self.machine.predict(history, &mut self.points);
        self.note(history.bins_total(), spoke, floor);
    }

    /// Makes the forecast of the present origin out of the others', weighted; those that have none
    /// do not count.
    pub(crate) fn combine<'a>(
        &mut self,
        others: impl Iterator<Item = (&'a Candidate, f64)>,
        origin: u64,
        floor: f64,
    ) {
        self.points.fill(0.0);
        let mut total = 0.0;
        for (other, weight) in others {
            if other.has(origin) {
                add_scaled(&mut self.points, weight, &other.points);
                total += weight;
            }
        }
        self.points.iter_mut().for_each(|point| *point /= total);
        self.note(origin, total > 0.0, floor);
    }

    /// Remembers the forecast in `points` as made at `origin`.
    fn note(&mut self, origin: u64, spoke: bool, floor: f64) {
        let slot = self.slot(origin);
        if self.made.is_empty() {
            if !spoke {
                return;
            }
            self.origins = vec![NONE; self.steps];
            self.made = vec![(0.0, f32::NAN); self.steps * self.steps];
        }
        self.origins[slot] = if spoke { origin } else { NONE };
        let made = &mut self.made[slot * self.steps..][..self.steps];
        for (step, (made, &point)) in made.iter_mut().zip(&self.points).enumerate() {
            let quantile = self.calibration.quantile(step, self.decision, point, floor);
            *made = (point as f32, quantile.map_or(f32::NAN, |quantile| quantile as f32));
        }
    }

    /// The latest forecast with its quantiles, if it was made at `origin` and is calibrated.
    pub(crate) fn latest(&self, origin: u64, steps: usize, floor: f64) -> Option<Vec<Step>> {
        if !self.has(origin) {
            return None;
        }
        let steps = self.points.iter().take(steps).enumerate();
        steps.map(|(step, &point)| self.calibration.step(step, point, floor)).collect()
    }

    /// Brings the quantiles of every step up to date.
    pub(crate) fn refresh_all(&mut self) {
        (0..self.steps).for_each(|step| self.refresh(step));
    }

    /// Brings the quantiles of one step up to date.
    pub(crate) fn refresh(&mut self, step: usize) {
        self.calibration.refresh(step);
    }

    /// Whether there is a forecast that was made at `origin`.
    fn has(&self, origin: u64) -> bool {
        self.origins.get(self.slot(origin)) == Some(&origin)
    }

    fn slot(&self, origin: u64) -> usize {
        (origin % self.steps as u64) as usize
    }

    pub(crate) fn state_bytes(&self) -> usize {
        self.machine.state_bytes()
            + self.calibration.state_bytes()
            + self.made.len() * size_of::<(f32, f32)>()
            + self.origins.len() * size_of::<u64>()
            + self.points.len() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForecastSettings, Observation};

    #[test]
    fn pinball_charges_a_low_quantile_more() {
        assert!((pinball(Quantile::Q90, 10.0, 12.0) - 1.8).abs() < 1e-12);
        assert!((pinball(Quantile::Q90, 12.0, 10.0) - 0.2).abs() < 1e-12);
        assert_eq!(pinball(Quantile::Q50, 3.0, 3.0), 0.0);
    }

    /// A last-value candidate of two steps over hourly bins, pushed a load that rises by 1.
    fn rising(bins: u64) -> (Candidate, Vec<Option<Outcome>>) {
        let settings = ForecastSettings { bin_ms: 3_600_000, ..ForecastSettings::default() };
        let mut history = History::new(0, &settings).expect("an hour");
        let machine = Machine::LastValue;
        let mut candidate = Candidate::new(ModelKind::LastValue, machine, 2, 100, Quantile::Q90);
        let mut outcomes = Vec::new();
        for bin in 0..bins {
            // Far from zero, so that the spread hardly changes as the load rises.
            let value = 1e6 + bin as f64;
            outcomes.push(candidate.settle(bin, value, 0.0));
            history.push(Observation::Value(value));
            candidate.refresh_all();
            candidate.forecast(&history, 0.0);
        }
        (candidate, outcomes)
    }

    #[test]
    fn every_step_is_settled_against_the_forecast_that_was_made_for_it() {
        // The first step always misses by 1, the second by 2: the .9 quantile of both is 2 above.
        let (candidate, outcomes) = rising(100);
        let steps = candidate.latest(100, 2, 0.0).expect("calibrated");
        assert_eq!(steps[0].point, 1e6 + 99.0);
        assert!((steps[0].q90 - steps[0].point - 2.0).abs() < 0.06, "{:?}", steps[0]);
        // Forecast 2 above: the first step is then 1 too high, the second right or nearly so.
        let outcome = outcomes[99].expect("both steps were calibrated");
        assert!((outcome.pinball - 0.05).abs() < 0.01, "{outcome:?}");
        assert!(outcomes[..20].iter().all(Option::is_none), "too few errors to be judged");
    }

    #[test]
    fn a_forecast_of_another_origin_is_not_the_latest() {
        let (candidate, _) = rising(60);
        assert!(candidate.latest(60, 2, 0.0).is_some());
        assert_eq!(candidate.latest(61, 2, 0.0), None);
    }
}
