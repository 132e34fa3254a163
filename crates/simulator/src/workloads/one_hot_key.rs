//! One key that is hot every afternoon, and twice hotter than any partition can bear.
//!
//! 3,000 units/s spread over all cells (cosine, peak 14:00 UTC, depth .3, noise as `diurnal`) and one key,
//! in a cell of its own, with 800 units/s from 12:00 to 16:00 UTC every day: too much beside others in a
//! partition of 1,000, bearable alone. On the days 5 and 9 that are played it has 1,300 from 13:00 to
//! 14:00: more than any partition serves; no policy can avoid throttling that hour. The seed draws
//! noise, weights and the key's cell.

use super::parts::{DAY, PLAYED_FROM, day_curve, hashed_weights, ordinary_noise};
use super::{Generator, Stratum};
use crate::matrix::{CELLS, Kind, LoadMatrix};
use crate::random::Random;

const BASE: f64 = 3_000.0;
const DEPTH: f64 = 0.3;
const HOT: f64 = 800.0;
const HOT_MINUTES: std::ops::Range<usize> = 720..960;
const UNBEARABLE: f64 = 1_300.0;
const UNBEARABLE_MINUTES: std::ops::Range<usize> = 780..840;
const UNBEARABLE_DAYS: [usize; 2] = [5, 9];

pub(super) const GENERATOR: Generator = Generator {
    name: "one-hot-key",
    stratum: Stratum::Moving,
    about: "one key is hot every afternoon, on two days beyond any partition",
    make,
};

fn make(seed: u64) -> LoadMatrix {
    let noise = ordinary_noise(seed);
    let hot = Random::new(seed).of(0x686f_7421).below(CELLS as u64) as usize;
    let mut weights = hashed_weights(seed);
    weights[hot] = 0.0;
    let mut matrix = super::parts::spread(
        |minute| BASE * day_curve(minute, 14.0, DEPTH) * noise[minute],
        |_, shares| shares.copy_from_slice(&weights),
    );
    matrix.set_single_key(hot);
    for (minute, noise) in noise.iter().enumerate() {
        let load = hot_load(minute) * noise;
        matrix.row_mut(Kind::Write, minute)[hot] = load as f32;
    }
    matrix
}

fn hot_load(minute: usize) -> f64 {
    let played = minute.checked_sub(PLAYED_FROM).map(|minute| minute / DAY + 1);
    let special = played.is_some_and(|day| UNBEARABLE_DAYS.contains(&day));
    match minute % DAY {
        at if special && UNBEARABLE_MINUTES.contains(&at) => UNBEARABLE,
        at if HOT_MINUTES.contains(&at) => HOT,
        _ => 0.0,
    }
}
