//! What generated workloads are put together of: days, noise, and spreads over the key axis.

use crate::matrix::{CELLS, Kind, LoadMatrix};
use crate::random::Random;
use std::f64::consts::TAU;

/// The first moment: Monday, 1 January 2024, midnight UTC.
pub const START_MS: i64 = 1_704_067_200_000;
/// Days before the first that is played.
pub const HISTORY_DAYS: i64 = 28;
/// Days that are played.
pub const PLAYED_DAYS: i64 = 14;
/// Minutes in a day.
pub(super) const DAY: usize = 1_440;
/// The first minute that is played.
pub(super) const PLAYED_FROM: usize = HISTORY_DAYS as usize * DAY;
/// All minutes.
pub(super) const MINUTES: usize = (HISTORY_DAYS + PLAYED_DAYS) as usize * DAY;

/// A workload of writes: in every minute `total` units per second, spread over cells as `weights`
/// says, which need not add up to one.
pub(super) fn spread(
    total: impl Fn(usize) -> f64,
    mut weights: impl FnMut(usize, &mut [f64]),
) -> LoadMatrix {
    let mut matrix = LoadMatrix::new(START_MS, MINUTES);
    let mut shares = vec![0.0; CELLS];
    for minute in 0..MINUTES {
        weights(minute, &mut shares);
        let scale = total(minute) / shares.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let row = matrix.row_mut(Kind::Write, minute);
        for (load, share) in row.iter_mut().zip(&shares) {
            *load = (share * scale) as f32;
        }
    }
    matrix
}

/// The same with shares that never change.
pub(super) fn spread_evenly(total: impl Fn(usize) -> f64, seed: u64) -> LoadMatrix {
    let hashed = hashed_weights(seed);
    spread(total, |_, shares| shares.copy_from_slice(&hashed))
}

/// How keys that were hashed lie: log-normal weights per cell, sigma .3.
pub(crate) fn hashed_weights(seed: u64) -> Vec<f64> {
    let random = Random::new(seed).of(0x6861_7368);
    (0..CELLS as u64).map(|cell| (0.3 * normal(random.of(cell))).exp()).collect()
}

/// A day of cosine shape around 1: `1 + depth` at `peak_hour`, `1 - depth` twelve hours later.
pub(super) fn day_curve(minute: usize, peak_hour: f64, depth: f64) -> f64 {
    let hour = (minute % DAY) as f64 / 60.0;
    1.0 + depth * ((hour - peak_hour) / 24.0 * TAU).cos()
}

/// How days differ: each has a log-normal factor (sigma .08), passed into smoothly around midnight.
#[derive(Debug)]
pub(super) struct Days(Vec<f64>);

impl Days {
    pub(super) fn new(seed: u64) -> Self {
        let random = Random::new(seed).of(0x6461_7973);
        let days = (MINUTES / DAY) as u64 + 2;
        Self((0..days).map(|day| (0.08 * normal(random.of(day))).exp()).collect())
    }

    pub(super) fn factor(&self, minute: usize) -> f64 {
        let (day, share) = (minute / DAY, (minute % DAY) as f64 / DAY as f64);
        self.0[day] * (1.0 - share) + self.0[day + 1] * share
    }
}

/// Factors minute by minute around 1: the exponential of a first-order autoregression with
/// stationary deviation `sigma` and coefficient `memory`.
pub(super) fn noise(seed: u64, sigma: f64, memory: f64) -> Vec<f64> {
    let random = Random::new(seed).of(0x6e6f_6973);
    let fresh = sigma * (1.0 - memory * memory).sqrt();
    let mut state = 0.0;
    let step = |minute| {
        state = memory * state + fresh * normal(random.of(minute));
        f64::exp(state)
    };
    (0..MINUTES as u64).map(step).collect()
}

/// The noise most workloads have: sigma .05, coefficient .8.
pub(super) fn ordinary_noise(seed: u64) -> Vec<f64> {
    noise(seed, 0.05, 0.8)
}

/// A standard normal draw (Box and Muller).
pub(super) fn normal(random: Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.of(1).unit()).ln()).sqrt();
    radius * (random.of(2).unit() * TAU).cos()
}

/// A bell over the axis as if its ends met, of height 1 at `centre`.
pub(super) fn bell(cell: usize, centre: f64, sigma_cells: f64) -> f64 {
    let around = CELLS as f64;
    let distance = (cell as f64 - centre).rem_euclid(around);
    let distance = distance.min(around - distance);
    (-0.5 * (distance / sigma_cells).powi(2)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_deviation_it_was_given() {
        let logs: Vec<f64> = noise(1, 0.05, 0.8).iter().map(|factor| factor.ln()).collect();
        let variance = logs.iter().map(|log| log * log).sum::<f64>() / logs.len() as f64;
        assert!((variance.sqrt() - 0.05).abs() < 0.005, "{}", variance.sqrt());
    }

    #[test]
    fn a_bell_goes_round_the_end() {
        assert_eq!(bell(0, 255.0, 2.0), bell(2, 1.0, 2.0));
        assert!(bell(128, 0.0, 6.0) < 1e-9);
    }
}
