//! Noise without memory: nothing to know.
//!
//! Mean 3,500 units/s, each minute times a log-normal factor of sigma .1 drawn for itself, hashed keys.
//! The seed draws noise and weights.

use super::parts::{noise, spread_evenly};
use super::{Generator, Stratum};
use crate::matrix::LoadMatrix;

const MEAN: f64 = 3_500.0;
const SIGMA: f64 = 0.1;

pub(super) const GENERATOR: Generator = Generator {
    name: "white-noise",
    stratum: Stratum::Nothing,
    about: "every minute drawn for itself",
    make,
};

fn make(seed: u64) -> LoadMatrix {
    let noise = noise(seed, SIGMA, 0.0);
    spread_evenly(|minute| MEAN * noise[minute], seed)
}
