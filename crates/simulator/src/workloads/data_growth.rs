//! A table that grows: every day is 2 % above the day before.
//!
//! 2,000 units/s at the beginning (cosine, peak 14:00 UTC, depth .4, days and noise as `diurnal`), times
//! 1.02 per day: 4,600 after six weeks. Hashed keys. The seed draws days, noise and weights. Stored
//! bytes are not simulated: only the load grows.

use super::parts::{DAY, Days, day_curve, ordinary_noise, spread_evenly};
use super::{Generator, Stratum};
use crate::matrix::LoadMatrix;

const BEGIN: f64 = 2_000.0;
const GROWTH_PER_DAY: f64 = 1.02;
const DEPTH: f64 = 0.4;

pub(super) const GENERATOR: Generator =
    Generator { name: "data-growth", stratum: Stratum::Moving, about: "2 % more every day", make };

fn make(seed: u64) -> LoadMatrix {
    let (days, noise) = (Days::new(seed), ordinary_noise(seed));
    let total = |minute: usize| {
        let grown = GROWTH_PER_DAY.powf(minute as f64 / DAY as f64);
        BEGIN * grown * day_curve(minute, 14.0, DEPTH) * days.factor(minute) * noise[minute]
    };
    spread_evenly(total, seed)
}
