//! Keys that grow, as time stamps do: inserts at a frontier, updates shortly behind it.
//!
//! Mean 3,000 units/s (cosine, peak 14:00 UTC, depth .5, days and noise as `diurnal`). The frontier
//! crosses the axis from cell 20 to cell 250 in the six weeks, about a cell in four and a half hours
//! of even load. At each moment 60 % of the load lies behind the frontier, falling off by e every 5
//! cells, and 40 % on all cells that exist. The seed draws days and noise.

use super::parts::{Days, MINUTES, day_curve, ordinary_noise, spread};
use super::{Generator, Stratum};
use crate::matrix::LoadMatrix;

const MEAN: f64 = 3_000.0;
const DEPTH: f64 = 0.5;
const FIRST_CELL: f64 = 20.0;
const LAST_CELL: f64 = 250.0;
const FRONT_SHARE: f64 = 0.6;
const FRONT_CELLS: f64 = 5.0;

pub(super) const GENERATOR: Generator = Generator {
    name: "monotonic-inserts",
    stratum: Stratum::Moving,
    about: "inserts at a frontier that moves on",
    make,
};

fn make(seed: u64) -> LoadMatrix {
    let (days, noise) = (Days::new(seed), ordinary_noise(seed));
    let total =
        |minute: usize| MEAN * day_curve(minute, 14.0, DEPTH) * days.factor(minute) * noise[minute];
    spread(total, |minute, shares| {
        let front = FIRST_CELL + (LAST_CELL - FIRST_CELL) * minute as f64 / MINUTES as f64;
        for (cell, share) in shares.iter_mut().enumerate() {
            // How much of the cell exists: the frontier's own cell in part.
            let there = (front - cell as f64).clamp(0.0, 1.0);
            let behind = (front - cell as f64 - 1.0).max(0.0);
            let recent = FRONT_SHARE / FRONT_CELLS * (-behind / FRONT_CELLS).exp();
            *share = there * (recent + (1.0 - FRONT_SHARE) / front);
        }
    })
}
