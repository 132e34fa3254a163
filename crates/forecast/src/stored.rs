//! How large a partition's data will be: its size now, and how much it grew in steps as long.
//!
//! A size is no rate: it is a sum, and what matters is what is added. So the forecast for a step is
//! the present size plus the quantiles of all growths over as many bins in the last day, taken as
//! conformal prediction takes them (see `calibration`). A day that only grows is thus carried on, and
//! one that was tidied up may shrink; nothing is fitted, and nothing can run away.

use crate::buffer::Recent;
use crate::calibration::rank;
use crate::outlook::{Quantile, Step};
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
/// So many growths over the longest step must have been seen: an hour of five-minute bins.
const GROWTHS_MIN: usize = 12;

/// Stored bytes at the end of each step of the horizon, or why nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredOutlook {
    /// When the first step begins.
    pub start_ms: i64,
    /// The length of a step.
    pub bin_ms: i64,
    /// One entry per step; empty if too little was seen.
    pub steps: Vec<Step>,
    /// What the steps are made of, or what is missing.
    pub reason: String,
}

/// Remembers a partition's size bin by bin.
#[derive(Clone, Debug)]
pub struct StoredSize {
    bin_ms: i64,
    /// Bytes at the end of each bin that was seen.
    sizes: Recent<f64>,
    next_bin: i64,
}

impl StoredSize {
    /// Nothing seen yet; bins of `bin_ms`.
    pub fn new(bin_ms: i64) -> Self {
        let bin_ms = bin_ms.max(1);
        let day = (DAY_MS / bin_ms).max(1) as usize;
        Self { bin_ms, sizes: Recent::new(day, (day / 8).max(1)), next_bin: i64::MIN }
    }

    /// Takes the size at `now_ms`: the first of each bin counts. Nothing stored before anything ever
    /// was means that nobody has measured. Bins that were skipped lie on a straight line; after
    /// more than a day of them, or if the clock was set back, all begins anew.
    pub fn push(&mut self, now_ms: i64, bytes: u64) {
        let (bin, bytes) = (now_ms.div_euclid(self.bin_ms), bytes as f64);
        let last = self.sizes.as_slice().last().copied();
        let Some(last) = last.filter(|_| self.continues(bin)) else {
            if bytes > 0.0 {
                *self = Self { next_bin: bin + 1, ..Self::new(self.bin_ms) };
                self.sizes.push(bytes);
            }
            return;
        };
        let bins = bin + 1 - self.next_bin;
        for passed in 1..=bins {
            self.sizes.push(last + (bytes - last) * passed as f64 / bins as f64);
        }
        self.next_bin = bin + 1;
    }

    fn continues(&self, bin: i64) -> bool {
        (self.next_bin - 1..self.next_bin + DAY_MS / self.bin_ms).contains(&bin)
    }

    /// The next `horizon_steps` bins.
    pub fn forecast(&self, horizon_steps: usize) -> StoredOutlook {
        let sizes = self.sizes.as_slice();
        let missing = (horizon_steps + GROWTHS_MIN).saturating_sub(sizes.len());
        let start_ms = self.next_bin.saturating_mul(self.bin_ms).max(0);
        let (Some(&now), 0) = (sizes.last(), missing) else {
            let minutes = missing as i64 * self.bin_ms / 60_000;
            let reason = format!("sizes of {minutes} more minutes are needed");
            return StoredOutlook { start_ms, bin_ms: self.bin_ms, steps: Vec::new(), reason };
        };
        let first = sizes.len().saturating_sub((DAY_MS / self.bin_ms) as usize);
        let steps = (1..=horizon_steps).map(|bins| step(&sizes[first..], now, bins)).collect();
        let hours = (sizes.len() - first) as f64 * self.bin_ms as f64 / 3_600_000.0;
        let reason = format!("the size now and how it grew in the last {hours:.1} hours");
        StoredOutlook { start_ms, bin_ms: self.bin_ms, steps, reason }
    }
}

/// The size `bins` bins after the last: growths over as many bins, added to what is there.
fn step(sizes: &[f64], now: f64, bins: usize) -> Step {
    let mut growths: Vec<f64> =
        sizes.iter().zip(&sizes[bins..]).map(|(before, after)| after - before).collect();
    growths.sort_by(f64::total_cmp);
    let mean = growths.iter().sum::<f64>() / growths.len() as f64;
    let at = |quantile| (now + growths[rank(quantile, growths.len())]).max(0.0);
    Step {
        point: (now + mean).max(0.0),
        q50: at(Quantile::Q50),
        q90: at(Quantile::Q90),
        q99: at(Quantile::Q99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const BIN_MS: i64 = 300_000;

    fn grown(bins: i64, size: impl Fn(i64) -> u64) -> StoredSize {
        let mut stored = StoredSize::new(BIN_MS);
        (0..bins).for_each(|bin| stored.push(bin * BIN_MS, size(bin)));
        stored
    }

    #[test]
    fn steady_growth_goes_on() {
        let outlook = grown(100, |bin| 1_000_000 + 500 * bin as u64).forecast(12);
        assert_eq!((outlook.start_ms, outlook.steps.len()), (100 * BIN_MS, 12));
        for (step, ahead) in outlook.steps.iter().zip(1..) {
            let expected = 1_000_000.0 + 500.0 * (99.0 + f64::from(ahead));
            assert_eq!([step.point, step.q50, step.q90, step.q99], [expected; 4]);
        }
    }

    #[test]
    fn quantiles_hold_what_they_promise_on_bursty_growth() {
        let mut random = Random::new(1);
        let mut sizes = vec![1e9];
        for _ in 0..2_000 {
            let burst = if random.below(5) == 0 { 1e6 * random.below(6) as f64 } else { 0.0 };
            sizes.push(sizes[sizes.len() - 1] + burst);
        }
        let mut stored = StoredSize::new(BIN_MS);
        let (mut below, mut judged) = ([0.0, 0.0], 0.0);
        for bin in 0..sizes.len() - 12 {
            stored.push(bin as i64 * BIN_MS, sizes[bin] as u64);
            if let Some(step) = stored.forecast(12).steps.last().filter(|_| bin > 300) {
                judged += 1.0;
                below[0] += f64::from(u8::from(sizes[bin + 12] <= step.q50));
                below[1] += f64::from(u8::from(sizes[bin + 12] <= step.q90));
            }
        }
        assert!((0.40..0.60).contains(&(below[0] / judged)), "{below:?} of {judged}");
        assert!((0.84..0.96).contains(&(below[1] / judged)), "{below:?} of {judged}");
    }

    #[test]
    fn a_size_that_was_not_measured_yet_is_no_growth_and_too_little_says_nothing() {
        let late = grown(60, |bin| if bin < 30 { 0 } else { 7_000_000 });
        assert_eq!(late.forecast(12).steps[11].q99, 7_000_000.0);
        let new = grown(10, |_| 5);
        assert!(new.forecast(12).steps.is_empty());
        assert!(new.forecast(12).reason.contains("70 more minutes"), "{:?}", new.forecast(12));
    }

    #[test]
    fn skipped_bins_and_clocks_that_jump_make_no_nonsense() {
        let mut stored = grown(40, |bin| 1_000 + 10 * bin as u64);
        stored.push(45 * BIN_MS, 1_450);
        assert_eq!(stored.forecast(1).steps[0].q99, 1_460.0, "ten a bin all along");
        stored.push(45 * BIN_MS + 1, 9_999);
        assert_eq!(stored.forecast(1).steps[0].q99, 1_460.0, "the bin has been seen");
        stored.push(0, 500);
        assert!(stored.forecast(1).steps.is_empty(), "a clock that was set back begins anew");
        stored.push(i64::MAX / 2, 500);
        assert!(stored.forecast(1).steps.is_empty());
        let shrunk = grown(300, |bin| 3_000 - 10 * bin as u64);
        assert_eq!(shrunk.forecast(12).steps[11].q50, 0.0, "never below nothing");
    }
}
