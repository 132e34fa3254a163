//! Working days and weekends.
//!
//! As `diurnal` (mean 4,500 units/s on a working day, peak at 11:00 UTC, depth .7, day factors and noise
//! alike), times .5 on Saturdays and .4 on Sundays.

use super::parts::{DAY, Days, day_curve, ordinary_noise, spread_evenly};
use super::{Generator, Stratum};
use crate::matrix::LoadMatrix;

const MEAN: f64 = 4_500.0;
const PEAK_HOUR: f64 = 11.0;
const DEPTH: f64 = 0.7;
const SATURDAY: f64 = 0.5;
const SUNDAY: f64 = 0.4;

pub(super) const GENERATOR: Generator = Generator {
    name: "weekly",
    stratum: Stratum::Predictable,
    about: "working days and weekends",
    make,
};

fn make(seed: u64) -> LoadMatrix {
    let (days, noise) = (Days::new(seed), ordinary_noise(seed));
    let total = |minute: usize| {
        // The first day is a Monday.
        let weekday = match minute / DAY % 7 {
            5 => SATURDAY,
            6 => SUNDAY,
            _ => 1.0,
        };
        let day = day_curve(minute, PEAK_HOUR, DEPTH) * days.factor(minute);
        MEAN * weekday * day * noise[minute]
    };
    spread_evenly(total, seed)
}
