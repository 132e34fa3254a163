//! Quantiles from past errors: split conformal prediction over a sliding window.
//!
//! The residual `(y − f) / √(f + floor)` of every forecast that has met its bin goes into a pool
//! per step; a quantile of the pool, scaled back, is added to the next forecast. The square root
//! fits counts, whose spread grows like the root of their mean. For a quantile, a step's own pool
//! and its two neighbours' are taken together. Sources: V. Vovk, A. Gammerman, G. Shafer,
//! *Algorithmic Learning in a Random World* (2005); for series that drift, I. Gibbs and E. Candès,
//! *Adaptive conformal inference under distribution shift* (2021), whose answer, to follow recent
//! errors, is here the window.
//!
//! Pools are small: an error is kept for one step in `stride`, staggered so that neighbouring steps
//! keep errors of different origins, and packed into 8 bits: thousands of partitions each have some tens
//! of thousands of them. The unit of the packing follows the errors, so that all of them have their
//! place in it.

mod pool;

use crate::outlook::{Quantile, Step};
use pool::{CODE_MAX, Pool, at_ranks, pack, unpack};

/// The most errors kept per step; a pool of three steps then has three times as many.
pub(crate) const SAMPLES_PER_STEP_MAX: usize = 288;
/// Enough for the quantiles of a method that is only a bar for others.
pub(crate) const BAR_SAMPLES_PER_STEP_MAX: usize = 144;
/// With fewer errors in the pool there are no quantiles.
const POOLED_MIN: usize = 48;
/// A step's pool is joined with those of this many steps on either side.
const NEIGHBOURS: usize = 1;

/// The .99 quantile should have a code between these, and the first residuals should fit: else
/// another unit is taken.
const CODE_OF_Q99: std::ops::RangeInclusive<f64> = 60.0..=126.0;
/// By which factor the unit is changed.
const UNIT_FACTOR: f64 = 4.0;
/// The unit of a series that is always forecast exactly.
const UNIT_MIN: f64 = 1e-9;
/// More than the root of the largest rate: what misses an idle forecast may be any number of roots.
const RESIDUAL_MAX: f64 = 1e8;
/// Of a first residual, the unit is this part.
const UNIT_OF_FIRST: f64 = 0.1;
/// While so few residuals per step are known, the unit fits all of them; later odd ones may be cut.
const FITTED_PER_STEP: usize = 24;

/// The index of a quantile among `count` sorted values, as conformal prediction takes it: such
/// that a new exchangeable value lies at or below with at least the quantile's probability.
pub(crate) fn rank(quantile: Quantile, count: usize) -> usize {
    let position = (quantile.level() * (count + 1) as f64).ceil() as usize;
    position.clamp(1, count) - 1
}

/// The errors and quantiles of one model on one series.
#[derive(Clone, Debug)]
pub(crate) struct Calibration {
    stride: u64,
    /// Of the packed residuals; 0 before there was one that is not 0.
    unit: f64,
    pools: Vec<Pool>,
    /// Per step and quantile; `None` while there are too few errors.
    offsets: Vec<Option<[f32; 3]>>,
}

impl Calibration {
    /// Pools for `steps` that reach back `window_bins` with at most `samples_max` errors each.
    pub(crate) fn new(steps: usize, window_bins: usize, samples_max: usize) -> Self {
        let stride = window_bins.div_ceil(samples_max).max(1);
        let samples_max = window_bins.div_ceil(stride);
        let pool = Pool::new(samples_max);
        let (pools, offsets) = (vec![pool; steps], vec![None; steps]);
        Self { stride: stride as u64, unit: 0.0, pools, offsets }
    }

    /// The steps whose errors at `bin` are kept: with more than one bin to a stride, neighbouring
    /// steps keep those of different bins.
    pub(crate) fn keeps(&self, bin: u64) -> impl Iterator<Item = usize> + use<> {
        let first = (self.stride - bin % self.stride) % self.stride;
        (first as usize..self.pools.len()).step_by(self.stride as usize)
    }

    /// Learns that the forecast `point` for `step` met `value`.
    pub(crate) fn record(&mut self, step: usize, point: f64, value: f64, floor: f64) {
        let residual = (value - point) / spread(point, floor);
        let residual = residual.clamp(-RESIDUAL_MAX, RESIDUAL_MAX);
        if self.unit == 0.0 {
            self.unit = (UNIT_OF_FIRST * residual.abs()).max(UNIT_MIN * f64::from(residual != 0.0));
        }
        if self.unit == 0.0 {
            self.pools[step].push(0);
            return;
        }
        while self.pools[step].len() < FITTED_PER_STEP
            && pack(residual, self.unit).unsigned_abs() == CODE_MAX.unsigned_abs()
        {
            self.change_unit(UNIT_FACTOR * self.unit);
        }
        self.pools[step].push(pack(residual, self.unit));
    }

    fn change_unit(&mut self, unit: f64) {
        let before = self.unit;
        self.pools.iter_mut().for_each(|pool| pool.change_unit(before, unit));
        self.unit = unit;
    }

    /// Computes a step's quantiles anew.
    pub(crate) fn refresh(&mut self, step: usize) {
        let from = step.saturating_sub(NEIGHBOURS);
        let to = (step + NEIGHBOURS + 1).min(self.pools.len());
        let count = self.pools[from..to].iter().map(Pool::len).sum();
        if count < POOLED_MIN {
            self.offsets[step] = None;
            return;
        }
        let places = at_ranks(&self.pools[from..to], Quantile::ALL.map(|q| rank(q, count)));
        self.offsets[step] = Some(places.map(|place| unpack(place, self.unit) as f32));
        let widest = places.into_iter().map(f64::abs).fold(0.0, f64::max);
        if widest > *CODE_OF_Q99.end() {
            self.change_unit(UNIT_FACTOR * self.unit);
        } else if widest < *CODE_OF_Q99.start() && self.unit > UNIT_MIN {
            self.change_unit(self.unit / UNIT_FACTOR);
        }
    }

    /// A step's quantiles around `point`; `None` while there are too few errors.
    pub(crate) fn step(&self, step: usize, point: f64, floor: f64) -> Option<Step> {
        let offsets = self.offsets[step].as_ref()?;
        let [q50, q90, q99] = offsets.map(|offset| shifted(point, offset, floor));
        Some(Step { point, q50, q90, q99 })
    }

    /// One quantile of a step around `point`.
    pub(crate) fn quantile(
        &self,
        step: usize,
        quantile: Quantile,
        point: f64,
        floor: f64,
    ) -> Option<f64> {
        let offsets = self.offsets[step].as_ref()?;
        Some(shifted(point, offsets[quantile as usize], floor))
    }

    pub(crate) fn state_bytes(&self) -> usize {
        self.pools.iter().map(Pool::state_bytes).sum::<usize>()
            + self.offsets.len() * size_of::<Option<[f32; 3]>>()
    }
}

fn spread(point: f64, floor: f64) -> f64 {
    (point + floor).max(f64::MIN_POSITIVE).sqrt()
}

fn shifted(point: f64, offset: f32, floor: f64) -> f64 {
    (point + f64::from(offset) * spread(point, floor)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refreshed(mut calibration: Calibration) -> Calibration {
        (0..calibration.pools.len()).for_each(|step| calibration.refresh(step));
        calibration
    }

    #[test]
    fn ranks_are_conformal() {
        assert_eq!(rank(Quantile::Q50, 1), 0);
        assert_eq!(rank(Quantile::Q90, 9), 8);
        assert_eq!(rank(Quantile::Q90, 99), 89);
        assert_eq!(rank(Quantile::Q99, 99), 98);
        assert_eq!(rank(Quantile::Q99, 50), 49, "the largest must do");
    }

    #[test]
    fn quantiles_come_from_the_steps_own_and_neighbouring_errors() {
        // Step s of 5 always misses by s; with point and floor that make the spread 1.
        let mut calibration = Calibration::new(5, 100, SAMPLES_PER_STEP_MAX);
        for _ in 0..100 {
            for step in 0..5 {
                calibration.record(step, 1.0, 1.0 + step as f64, 0.0);
            }
        }
        let calibration = refreshed(calibration);
        let q99 = |step| calibration.step(step, 1.0, 0.0).expect("enough errors").q99 - 1.0;
        assert!((q99(0) / 1.0 - 1.0).abs() < 0.03 && (q99(2) / 3.0 - 1.0).abs() < 0.03);
        assert!((q99(4) / 4.0 - 1.0).abs() < 0.03);
        let q50 = calibration.quantile(3, Quantile::Q50, 1.0, 0.0).expect("enough errors");
        assert!((q50 - 4.0).abs() < 0.1, "the median of 2, 3 and 4 above 1, not {q50}");
    }

    #[test]
    fn a_larger_forecast_is_wider_by_the_root() {
        let mut calibration = Calibration::new(1, 100, SAMPLES_PER_STEP_MAX);
        (0..100).for_each(|_| calibration.record(0, 100.0, 110.0, 0.0));
        let calibration = refreshed(calibration);
        let q90 = calibration.step(0, 400.0, 0.0).expect("enough errors").q90;
        assert!((q90 - 420.0).abs() < 0.5, "{q90}");
    }

    #[test]
    fn only_the_window_counts_and_memory_is_bounded() {
        let mut calibration = Calibration::new(3, 1440, SAMPLES_PER_STEP_MAX);
        for bin in 0..5_000 {
            let miss = if bin < 3_000 { 50.0 } else { 1.0 };
            for step in calibration.keeps(bin) {
                calibration.record(step, 1.0, 1.0 + miss, 0.0);
            }
            calibration.refresh(bin as usize % 3);
        }
        let calibration = refreshed(calibration);
        let q99 = calibration.step(1, 1.0, 0.0).expect("enough errors").q99;
        assert!((q99 - 2.0).abs() < 0.03, "old errors still count: {q99}");
        assert!(calibration.state_bytes() < 3 * SAMPLES_PER_STEP_MAX + 400);
    }

    #[test]
    fn the_unit_follows_errors_that_grow_and_shrink_a_millionfold() {
        let mut calibration = Calibration::new(3, 300, SAMPLES_PER_STEP_MAX);
        for miss in [1.0, 1e6, 1e-3, 0.0, 40.0] {
            for bin in 0..600 {
                for step in calibration.keeps(bin) {
                    let sign = if bin % 5 == 0 { 1.0 } else { 0.2 };
                    calibration.record(step, 1.0, 1.0 + sign * miss, 0.0);
                }
                calibration.refresh(bin as usize % 3);
            }
            let q99 = calibration.step(1, 1.0, 0.0).expect("enough errors").q99 - 1.0;
            assert!((q99 - miss).abs() <= 0.03 * miss + 1e-6, "{q99} instead of {miss}");
        }
    }

    #[test]
    fn neighbouring_steps_keep_errors_of_different_bins() {
        let calibration = Calibration::new(12, 1440, SAMPLES_PER_STEP_MAX);
        let mut kept = [0; 12];
        for bin in 0..1440 {
            let steps: Vec<usize> = calibration.keeps(bin).collect();
            assert!(steps.windows(2).all(|pair| pair[1] - pair[0] > NEIGHBOURS));
            steps.into_iter().for_each(|step| kept[step] += 1);
        }
        assert_eq!(kept, [SAMPLES_PER_STEP_MAX; 12], "every step has the same number");
        let every_bin = Calibration::new(12, 240, SAMPLES_PER_STEP_MAX);
        assert_eq!(every_bin.keeps(77).count(), 12, "a short window keeps all");
    }

    #[test]
    fn too_few_errors_make_no_quantile() {
        let mut calibration = Calibration::new(1, 1_000, SAMPLES_PER_STEP_MAX);
        calibration.record(0, 1.0, 2.0, 0.0);
        assert_eq!(refreshed(calibration).step(0, 1.0, 0.0), None);
    }
}
