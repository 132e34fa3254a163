//! The logarithms of the latest bins, and sums of any stretch of them.
//!
//! Running sums of all bins would answer every question with one subtraction, but need 64 bits each.
//! So there is one such sum for every [`STRIDE`] bins, and the few bins beside it are added up.

use crate::buffer::Recent;

/// Bins between two running sums.
const STRIDE: usize = 16;

/// The latest logarithms.
#[derive(Clone, Debug)]
pub(super) struct Logs {
    logs: Recent<f32>,
    /// `sums[i]` is the sum of all logarithms before `logs[STRIDE * i]`, from some beginning.
    sums: Recent<f64>,
}

impl Logs {
    /// Keeps at least the latest `keep`.
    pub(super) fn new(keep: usize) -> Self {
        // Both forget at the same push: what they keep and what they drop are whole strides.
        let (keep, slack) = (keep.div_ceil(STRIDE), keep.div_ceil(STRIDE * 16).max(1));
        Self { logs: Recent::new(STRIDE * keep, STRIDE * slack), sums: Recent::new(keep, slack) }
    }

    pub(super) fn push(&mut self, log: f64) {
        if self.logs.len().is_multiple_of(STRIDE) {
            let total = match self.sums.as_slice().last() {
                Some(sum) => sum + self.plain_sum(self.logs.len() - STRIDE, self.logs.len()),
                None => 0.0,
            };
            self.sums.push(total);
        }
        self.logs.push(log as f32);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.logs.len()
    }

    /// The logarithm `bins_ago` bins before the last one.
    pub(super) fn ago(&self, bins_ago: usize) -> f64 {
        let logs = self.logs.as_slice();
        f64::from(logs[logs.len() - 1 - bins_ago])
    }

    /// The kept logarithms, oldest first.
    pub(super) fn as_slice(&self) -> &[f32] {
        self.logs.as_slice()
    }

    /// The sum of those at `from..to`.
    pub(super) fn sum(&self, from: usize, to: usize) -> f64 {
        if to - from <= 2 * STRIDE {
            return self.plain_sum(from, to);
        }
        self.before(to) - self.before(from)
    }

    /// The sum of all before `at`, from some beginning.
    fn before(&self, at: usize) -> f64 {
        let whole = (at / STRIDE).min(self.sums.len() - 1);
        self.sums.as_slice()[whole] + self.plain_sum(whole * STRIDE, at)
    }

    fn plain_sum(&self, from: usize, to: usize) -> f64 {
        self.logs.as_slice()[from..to].iter().map(|&log| f64::from(log)).sum()
    }

    pub(super) fn state_bytes(&self) -> usize {
        self.logs.state_bytes() + self.sums.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stretch_has_the_sum_of_its_bins() {
        for keep in [1, 20, 100, 333] {
            let mut logs = Logs::new(keep);
            for bin in 0..2_000 {
                logs.push(f64::from(bin % 37) - 11.0);
                assert!(logs.len() >= keep.min(bin as usize + 1));
                let plain = logs.as_slice().to_vec();
                assert_eq!(logs.ago(0), f64::from(bin % 37) - 11.0);
                for (from, to) in [(0, plain.len()), (plain.len() / 3, plain.len() - 1)] {
                    let expected: f64 = plain[from.min(to)..to].iter().map(|&x| f64::from(x)).sum();
                    assert!((logs.sum(from.min(to), to) - expected).abs() < 1e-9, "{keep} {bin}");
                }
            }
            assert!(logs.state_bytes() <= 6 * keep + 500, "{} for {keep}", logs.state_bytes());
        }
    }
}
