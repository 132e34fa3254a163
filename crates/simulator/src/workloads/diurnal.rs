//! Day and night, the same every day but for noise.
//!
//! Mean 4,000 units/s, a cosine with its peak at 14:00 UTC and depth .7 (1,200 at night, 6,800 by
//! day), days that differ by a log-normal factor of sigma .08, minute noise of sigma .05 (AR(1), .8),
//! hashed keys (cell weights log-normal, sigma .3). The seed draws days, noise and weights.

use super::parts::{Days, day_curve, ordinary_noise, spread_evenly};
use super::{Generator, Stratum};
use crate::matrix::LoadMatrix;

const MEAN: f64 = 4_000.0;
const PEAK_HOUR: f64 = 14.0;
const DEPTH: f64 = 0.7;

pub(super) const GENERATOR: Generator =
    Generator { name: "diurnal", stratum: Stratum::Predictable, about: "day and night", make };

fn make(seed: u64) -> LoadMatrix {
    let (days, noise) = (Days::new(seed), ordinary_noise(seed));
    let total =
        |minute| MEAN * day_curve(minute, PEAK_HOUR, DEPTH) * days.factor(minute) * noise[minute];
    spread_evenly(total, seed)
}
