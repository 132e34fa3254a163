//! The same load, always: 3,500 units/s, the same in every cell. There is nothing to draw; the seed is
//! not used.

use super::parts::spread;
use super::{Generator, Stratum};
use crate::matrix::LoadMatrix;

const LOAD: f64 = 3_500.0;

pub(super) const GENERATOR: Generator =
    Generator { name: "constant", stratum: Stratum::Nothing, about: "the same load, always", make };

fn make(_seed: u64) -> LoadMatrix {
    spread(|_| LOAD, |_, shares| shares.fill(1.0))
}
