//! A hot spot that wanders over the key axis.
//!
//! 2,000 units/s spread over all cells (log-normal weights, sigma .3) and 2,500 units/s in a bell of sigma
//! 6 cells whose centre goes once around the axis in 32 hours: not a whole day, so that no look-up of
//! yesterday finds it. The total has minute noise of sigma .05 (AR(1), .8). The seed draws noise,
//! weights and where the spot begins.

use super::parts::{bell, hashed_weights, ordinary_noise, spread};
use super::{Generator, Stratum};
use crate::matrix::{CELLS, LoadMatrix};
use crate::random::Random;

const BASE: f64 = 2_000.0;
const SPOT: f64 = 2_500.0;
const SIGMA_CELLS: f64 = 6.0;
const ROUND_MINUTES: f64 = 32.0 * 60.0;

pub(super) const GENERATOR: Generator = Generator {
    name: "drifting-hot-spot",
    stratum: Stratum::Moving,
    about: "a hot spot goes round the key axis in 32 h",
    make,
};

fn make(seed: u64) -> LoadMatrix {
    let noise = ordinary_noise(seed);
    let base = hashed_weights(seed);
    let base_sum: f64 = base.iter().sum();
    let begin = Random::new(seed).of(0x7370_6f74).unit() * CELLS as f64;
    // A bell's cells add up to sigma times the root of tau.
    let spot_sum = SIGMA_CELLS * std::f64::consts::TAU.sqrt();
    spread(
        |minute| (BASE + SPOT) * noise[minute],
        |minute, shares| {
            let centre = begin + minute as f64 / ROUND_MINUTES * CELLS as f64;
            for (cell, share) in shares.iter_mut().enumerate() {
                let spot =
                    SPOT / spot_sum * bell(cell, centre.rem_euclid(CELLS as f64), SIGMA_CELLS);
                *share = BASE / base_sum * base[cell] + spot;
            }
        },
    )
}
