//! Flash crowds: announced, by coming every Friday evening, or unannounced, at drawn moments.
//!
//! Under both lies a day (mean 3,000 units/s, cosine, peak 14:00 UTC, depth .4, days and noise as
//! `diurnal`, hashed keys). A crowd adds 6,000 units/s, reached linearly within 5 minutes and decaying
//! with a half-life of 30 minutes; four fifths of it go to a fifth of the key axis that is drawn for
//! each crowd. *Announced*: every Friday at 20:00 UTC, on the same keys every time; nobody tells a policy, but
//! history does. *Unannounced*: at six drawn moments of the two weeks that are played, and none
//! before, on other keys each time. The seed draws days, noise, weights, moments and keys.

use super::parts::{DAY, Days, PLAYED_DAYS, PLAYED_FROM, day_curve, hashed_weights};
use super::parts::{MINUTES, ordinary_noise, spread_evenly};
use super::{Generator, Stratum};
use crate::matrix::{CELLS, Kind, LoadMatrix};
use crate::random::Random;

const MEAN: f64 = 3_000.0;
const DEPTH: f64 = 0.4;
const CROWD: f64 = 6_000.0;
const RAMP_MINUTES: f64 = 5.0;
const HALF_LIFE_MINUTES: f64 = 30.0;
/// After so many minutes a crowd is gone.
const LASTS_MINUTES: usize = 360;
const FOCUS_SHARE: f64 = 0.8;
const FOCUS_CELLS: usize = CELLS / 5;
const FRIDAY: usize = 4;
const EVENING: usize = 20 * 60;
const UNANNOUNCED_CROWDS: u64 = 6;

pub(super) const ANNOUNCED: Generator = Generator {
    name: "flash-crowd-announced",
    stratum: Stratum::Predictable,
    about: "a crowd every Friday at 20:00",
    make: announced,
};

pub(super) const UNANNOUNCED: Generator = Generator {
    name: "flash-crowd",
    stratum: Stratum::Surprise,
    about: "six crowds at drawn moments, none before",
    make: unannounced,
};

struct Crowd {
    begins: usize,
    first_cell: usize,
}

fn announced(seed: u64) -> LoadMatrix {
    let fridays = (FRIDAY * DAY + EVENING..MINUTES).step_by(7 * DAY);
    let first_cell = focus(seed, 0);
    let crowds: Vec<Crowd> = fridays.map(|begins| Crowd { begins, first_cell }).collect();
    make(seed, &crowds)
}

fn unannounced(seed: u64) -> LoadMatrix {
    let random = Random::new(seed).of(0x666c_6173);
    let crowd = |number| Crowd {
        begins: PLAYED_FROM + random.of(number).below(PLAYED_DAYS as u64 * DAY as u64) as usize,
        first_cell: focus(seed, number),
    };
    make(seed, &(0..UNANNOUNCED_CROWDS).map(crowd).collect::<Vec<_>>())
}

fn focus(seed: u64, number: u64) -> usize {
    Random::new(seed).of(0x6b65_7973).of(number).below((CELLS - FOCUS_CELLS) as u64) as usize
}

fn make(seed: u64, crowds: &[Crowd]) -> LoadMatrix {
    let (days, noise) = (Days::new(seed), ordinary_noise(seed));
    let weights = hashed_weights(seed);
    let all: f64 = weights.iter().sum();
    let base = |minute| MEAN * day_curve(minute, 14.0, DEPTH) * days.factor(minute) * noise[minute];
    let mut matrix = spread_evenly(base, seed);
    for crowd in crowds {
        let focus = crowd.first_cell..crowd.first_cell + FOCUS_CELLS;
        let inside: f64 = weights[focus.clone()].iter().sum();
        for (minute, noise) in noise.iter().enumerate().skip(crowd.begins).take(LASTS_MINUTES) {
            let load = CROWD * height((minute - crowd.begins) as f64) * noise;
            for (cell, sum) in matrix.row_mut(Kind::Write, minute).iter_mut().enumerate() {
                let focused = if focus.contains(&cell) { FOCUS_SHARE / inside } else { 0.0 };
                *sum += (load * weights[cell] * (focused + (1.0 - FOCUS_SHARE) / all)) as f32;
            }
        }
    }
    matrix
}

/// A crowd's height after so many minutes, as a share of the highest.
fn height(minutes: f64) -> f64 {
    if minutes < RAMP_MINUTES {
        (minutes + 1.0) / (RAMP_MINUTES + 1.0)
    } else {
        0.5_f64.powf((minutes - RAMP_MINUTES) / HALF_LIFE_MINUTES)
    }
}
