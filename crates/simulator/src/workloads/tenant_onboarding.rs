//! Tenants that join: load appears where there was none.
//!
//! Each of 24 tenants owns a run of the key axis (10 cells) and has a day of its own (cosine, depth .6,
//! peak at a drawn hour) around a drawn mean. Half are there from the beginning, with means of 100 to
//! 300 units/s (uniform); the others join at drawn moments of the six weeks, with means of 150 to 450,
//! which they reach within an hour. Noise as `diurnal`. The seed draws all of it.

use super::parts::{MINUTES, START_MS, day_curve, ordinary_noise};
use super::{Generator, Stratum};
use crate::matrix::{Kind, LoadMatrix};
use crate::random::Random;

const TENANTS: u64 = 24;
const CELLS_EACH: usize = 10;
const DEPTH: f64 = 0.6;
const RAMP_MINUTES: f64 = 60.0;
const FIRST_MEANS: (f64, f64) = (100.0, 300.0);
const LATER_MEANS: (f64, f64) = (150.0, 450.0);

pub(super) const GENERATOR: Generator = Generator {
    name: "tenant-onboarding",
    stratum: Stratum::Moving,
    about: "tenants join, each with its own keys and hours",
    make,
};

struct Tenant {
    first_cell: usize,
    mean: f64,
    peak_hour: f64,
    joins: f64,
}

fn tenant(random: Random, number: u64) -> Tenant {
    let random = random.of(number);
    let there = number.is_multiple_of(2);
    let (least, most) = if there { FIRST_MEANS } else { LATER_MEANS };
    Tenant {
        first_cell: number as usize * CELLS_EACH,
        mean: least + (most - least) * random.of(1).unit(),
        peak_hour: 24.0 * random.of(2).unit(),
        joins: if there { -RAMP_MINUTES } else { random.of(3).unit() * MINUTES as f64 },
    }
}

fn make(seed: u64) -> LoadMatrix {
    let noise = ordinary_noise(seed);
    let random = Random::new(seed).of(0x7465_6e61);
    let tenants: Vec<Tenant> = (0..TENANTS).map(|number| tenant(random, number)).collect();
    let mut matrix = LoadMatrix::new(START_MS, MINUTES);
    for (minute, noise) in noise.iter().enumerate() {
        let row = matrix.row_mut(Kind::Write, minute);
        for tenant in &tenants {
            let joined = ((minute as f64 - tenant.joins) / RAMP_MINUTES).clamp(0.0, 1.0);
            let load = tenant.mean * joined * day_curve(minute, tenant.peak_hour, DEPTH);
            let each = (load * noise / CELLS_EACH as f64) as f32;
            row[tenant.first_cell..tenant.first_cell + CELLS_EACH].fill(each);
        }
    }
    matrix
}
