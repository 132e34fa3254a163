//! A rhythm that changes: from the fifth day that is played, the day's peak comes six hours earlier and
//! there is a second one.
//!
//! First as `diurnal` (mean 4,000 units/s, peak 14:00 UTC, depth .7), then a cosine of twelve hours with its
//! peaks at 08:00 and 20:00 UTC and the same depth. Days and noise as `diurnal`.

use super::parts::{DAY, Days, PLAYED_FROM, day_curve, ordinary_noise, spread_evenly};
use super::{Generator, Stratum};
use crate::matrix::LoadMatrix;
use std::f64::consts::TAU;

const MEAN: f64 = 4_000.0;
const DEPTH: f64 = 0.7;
const CHANGES: usize = PLAYED_FROM + 4 * DAY;

pub(super) const GENERATOR: Generator = Generator {
    name: "period-change",
    stratum: Stratum::Surprise,
    about: "a peak a day becomes two, at other hours",
    make,
};

fn make(seed: u64) -> LoadMatrix {
    let (days, noise) = (Days::new(seed), ordinary_noise(seed));
    let total = |minute: usize| {
        let day = if minute < CHANGES {
            day_curve(minute, 14.0, DEPTH)
        } else {
            let hour = (minute % DAY) as f64 / 60.0;
            1.0 + DEPTH * ((hour - 8.0) / 12.0 * TAU).cos()
        };
        MEAN * day * days.factor(minute) * noise[minute]
    };
    spread_evenly(total, seed)
}
