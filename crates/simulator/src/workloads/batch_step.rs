//! A batch job at a fixed hour: load jumps within a minute, every night.
//!
//! 2,500 units/s with a shallow day (depth .1, peak at 14:00 UTC), plus 6,000 units/s from 02:00 to 03:00
//! every day; minute noise of sigma .05 (AR(1), .8), hashed keys. The seed draws noise and weights.

use super::parts::{DAY, day_curve, ordinary_noise, spread_evenly};
use super::{Generator, Stratum};
use crate::matrix::LoadMatrix;

const BASE: f64 = 2_500.0;
const DEPTH: f64 = 0.1;
const BATCH: f64 = 6_000.0;
const BATCH_MINUTES: std::ops::Range<usize> = 120..180;

pub(super) const GENERATOR: Generator = Generator {
    name: "batch-step",
    stratum: Stratum::Predictable,
    about: "a batch job at 02:00 every night",
    make,
};

fn make(seed: u64) -> LoadMatrix {
    let noise = ordinary_noise(seed);
    let total = |minute: usize| {
        let batch = if BATCH_MINUTES.contains(&(minute % DAY)) { BATCH } else { 0.0 };
        (BASE * day_curve(minute, 14.0, DEPTH) + batch) * noise[minute]
    };
    spread_evenly(total, seed)
}
