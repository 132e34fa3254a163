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
//! keep errors of different origins, and packed into 16 bits at a precision of 0.1 %.

use crate::outlook::{Quantile, Step};

/// The most errors kept per step; a pool of three steps then has three times as many.
const SAMPLES_PER_STEP_MAX: usize = 480;
/// With fewer errors in the pool there are no quantiles.
const POOLED_MIN: usize = 48;
/// A step's pool is joined with those of this many steps on either side.
const NEIGHBOURS: usize = 1;

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
    pools: Vec<Pool>,
    /// Per step and quantile; `None` while there are too few errors.
    offsets: Vec<Option<[f32; 3]>>,
}

/// Packed residuals of one step; the oldest is overwritten.
#[derive(Clone, Debug)]
struct Pool {
    packed: Vec<i16>,
    oldest: usize,
    samples_max: usize,
}

impl Calibration {
    /// Pools for `steps` that reach back `window_bins`.
    pub(crate) fn new(steps: usize, window_bins: usize) -> Self {
        let stride = window_bins.div_ceil(SAMPLES_PER_STEP_MAX).max(1);
        let samples_max = window_bins.div_ceil(stride);
        let pool = Pool {
            packed: Vec::new(),
            oldest: 0,
            samples_max,
        };
        Self {
            stride: stride as u64,
            pools: vec![pool; steps],
            offsets: vec![None; steps],
        }
    }

    /// Learns that the forecast `point`, made at `origin` for `step`, met `value`.
    pub(crate) fn record(&mut self, origin: u64, step: usize, point: f64, value: f64, floor: f64) {
        if (origin + step as u64).is_multiple_of(self.stride) {
            let residual = (value - point) / spread(point, floor);
            self.pools[step].push(pack(residual));
        }
    }

    /// Computes a step's quantiles anew; `scratch` only saves an allocation.
    pub(crate) fn refresh(&mut self, step: usize, scratch: &mut Vec<i16>) {
        scratch.clear();
        let from = step.saturating_sub(NEIGHBOURS);
        let to = (step + NEIGHBOURS + 1).min(self.pools.len());
        for pool in &self.pools[from..to] {
            scratch.extend_from_slice(&pool.packed);
        }
        let count = scratch.len();
        if count < POOLED_MIN {
            self.offsets[step] = None;
            return;
        }
        let mut left = scratch.as_mut_slice();
        let mut offsets = [0.0; 3];
        for (quantile, offset) in Quantile::ALL.into_iter().zip(&mut offsets).rev() {
            let at = rank(quantile, count);
            *offset = unpack(*left.select_nth_unstable(at).1) as f32;
            // Lower quantiles lie at or before this rank, so only that part is looked at again.
            left = &mut left[..=at];
        }
        self.offsets[step] = Some(offsets);
    }

    /// How many steps there are.
    pub(crate) fn steps(&self) -> usize {
        self.pools.len()
    }

    /// A step's quantiles around `point`; `None` while there are too few errors.
    pub(crate) fn step(&self, step: usize, point: f64, floor: f64) -> Option<Step> {
        let offsets = self.offsets[step].as_ref()?;
        let [q50, q90, q99] = offsets.map(|offset| shifted(point, offset, floor));
        Some(Step {
            point,
            q50,
            q90,
            q99,
        })
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
        let pool = |pool: &Pool| size_of::<Pool>() + pool.packed.capacity() * size_of::<i16>();
        self.pools.iter().map(pool).sum::<usize>()
            + self.offsets.len() * size_of::<Option<[f32; 3]>>()
    }
}

impl Pool {
    fn push(&mut self, residual: i16) {
        if self.packed.len() < self.samples_max {
            if self.packed.capacity() == self.packed.len() {
                let room = self
                    .packed
                    .len()
                    .max(32)
                    .min(self.samples_max - self.packed.len());
                self.packed.reserve_exact(room);
            }
            self.packed.push(residual);
        } else {
            self.packed[self.oldest] = residual;
            self.oldest = (self.oldest + 1) % self.samples_max;
        }
    }
}

fn spread(point: f64, floor: f64) -> f64 {
    (point + floor).max(f64::MIN_POSITIVE).sqrt()
}

fn shifted(point: f64, offset: f32, floor: f64) -> f64 {
    (point + f64::from(offset) * spread(point, floor)).max(0.0)
}

/// Residuals below this are told apart by absolute, above by relative size.
const PACK_UNIT: f64 = 1e-6;
/// Codes per e-fold; 32767 of them reach 10^8, more than the root of the largest rate.
const PACK_CODES: f64 = 1000.0;

fn pack(residual: f64) -> i16 {
    let code = (residual.abs() / PACK_UNIT).ln_1p() * PACK_CODES;
    // A cast saturates: the largest residuals share the last code.
    (code.round().copysign(residual)) as i16
}

fn unpack(code: i16) -> f64 {
    let size = (f64::from(code.unsigned_abs()) / PACK_CODES).exp_m1() * PACK_UNIT;
    size.copysign(f64::from(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_keeps_order_and_a_thousandth(a in -1e7..1e7_f64, b in -1e7..1e7_f64) {
            prop_assert!((unpack(pack(a)) - a).abs() <= a.abs() * 1e-3 + PACK_UNIT);
            if a <= b {
                prop_assert!(pack(a) <= pack(b));
            }
        }
    }

    fn refreshed(mut calibration: Calibration) -> Calibration {
        let mut scratch = Vec::new();
        (0..calibration.steps()).for_each(|step| calibration.refresh(step, &mut scratch));
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
        let mut calibration = Calibration::new(5, 100);
        for origin in 0..100 {
            for step in 0..5 {
                calibration.record(origin, step, 1.0, 1.0 + step as f64, 0.0);
            }
        }
        let calibration = refreshed(calibration);
        let q99 = |step| calibration.step(step, 1.0, 0.0).expect("enough errors").q99 - 1.0;
        assert!((q99(0) - 1.0).abs() < 0.01 && (q99(2) - 3.0).abs() < 0.01);
        assert!((q99(4) - 4.0).abs() < 0.01);
        let q50 = calibration
            .quantile(3, Quantile::Q50, 1.0, 0.0)
            .expect("enough errors");
        assert!(
            (q50 - 4.0).abs() < 0.01,
            "the median of 2, 3 and 4 above 1, not {q50}"
        );
    }

    #[test]
    fn a_larger_forecast_is_wider_by_the_root() {
        let mut calibration = Calibration::new(1, 100);
        (0..100).for_each(|origin| calibration.record(origin, 0, 100.0, 110.0, 0.0));
        let calibration = refreshed(calibration);
        let q90 = calibration.step(0, 400.0, 0.0).expect("enough errors").q90;
        assert!((q90 - 420.0).abs() < 0.1, "{q90}");
    }

    #[test]
    fn only_the_window_counts_and_memory_is_bounded() {
        let mut calibration = Calibration::new(3, 1440);
        for origin in 0..5_000 {
            let miss = if origin < 3_000 { 50.0 } else { 1.0 };
            (0..3).for_each(|step| calibration.record(origin, step, 1.0, 1.0 + miss, 0.0));
        }
        let calibration = refreshed(calibration);
        let q99 = calibration.step(1, 1.0, 0.0).expect("enough errors").q99;
        assert!((q99 - 2.0).abs() < 0.01, "old errors still count: {q99}");
        assert!(calibration.state_bytes() < 3 * 480 * 2 + 400);
    }

    #[test]
    fn too_few_errors_make_no_quantile() {
        let mut calibration = Calibration::new(1, 1_000);
        calibration.record(0, 0, 1.0, 2.0, 0.0);
        assert_eq!(refreshed(calibration).step(0, 1.0, 0.0), None);
    }
}
