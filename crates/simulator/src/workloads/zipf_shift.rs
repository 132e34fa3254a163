//! Popularity that changes hands: which keys are hot is drawn anew every few days.
//!
//! 4,096 keys with Zipf weights of exponent .9, hashed to cells; mean 4,500 units/s (cosine, peak 14:00
//! UTC, depth .3, days and noise as `diurnal`). At random moments, on average every 60 hours
//! (exponential gaps), ranks are dealt to keys anew, within one minute. The seed draws all of it.

use super::parts::{Days, MINUTES, day_curve, ordinary_noise, spread};
use super::{Generator, Stratum};
use crate::matrix::{CELLS, LoadMatrix};
use crate::random::Random;

const MEAN: f64 = 4_500.0;
const DEPTH: f64 = 0.3;
const KEYS: u64 = 4_096;
const EXPONENT: f64 = 0.9;
const SHIFT_MINUTES_MEAN: f64 = 60.0 * 60.0;

pub(super) const GENERATOR: Generator = Generator {
    name: "zipf-shift",
    stratum: Stratum::Moving,
    about: "other keys become popular every few days",
    make,
};

fn make(seed: u64) -> LoadMatrix {
    let (days, noise) = (Days::new(seed), ordinary_noise(seed));
    let random = Random::new(seed).of(0x7a69_7066);
    let mut shifts = shifts(random);
    let mut dealt = deal(random, 0);
    let mut number = 0;
    let total =
        |minute: usize| MEAN * day_curve(minute, 14.0, DEPTH) * days.factor(minute) * noise[minute];
    spread(total, |minute, shares| {
        if shifts.last().is_some_and(|&next| next <= minute) {
            shifts.pop();
            number += 1;
            dealt = deal(random, number);
        }
        shares.copy_from_slice(&dealt);
    })
}

/// When ranks are dealt anew, last first.
fn shifts(random: Random) -> Vec<usize> {
    let mut at = 0.0;
    let mut shifts = Vec::new();
    for number in 0.. {
        at += -SHIFT_MINUTES_MEAN * (1.0 - random.of(1).of(number).unit()).ln();
        if at >= MINUTES as f64 {
            break;
        }
        shifts.push(at as usize);
    }
    shifts.reverse();
    shifts
}

/// Every rank's weight, in a cell drawn for it.
fn deal(random: Random, number: u64) -> Vec<f64> {
    let cells = random.of(2).of(number);
    let mut weights = vec![0.0; CELLS];
    for rank in 0..KEYS {
        let weight = ((rank + 1) as f64).powf(-EXPONENT);
        weights[cells.of(rank).below(CELLS as u64) as usize] += weight;
    }
    weights
}
