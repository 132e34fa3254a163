//! Periods that are there are found, on their own and beside a day; where there is none, none is.

use super::*;
use crate::random::Random;
use crate::{ForecastSettings, Observation};
use std::f64::consts::TAU;

const DAY: usize = 288;

fn noise(random: &mut Random) -> f64 {
    (0..12).map(|_| f64::from(random.uniform())).sum::<f64>() / 2.0
}

/// Counts around `mean`, by bin.
fn counts(bins: usize, seed: u64, mean: impl Fn(usize) -> f64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let mut count = |bin| (mean(bin) + mean(bin).sqrt() * noise(&mut random)).max(0.0) as f32;
    (0..bins).map(&mut count).collect()
}

fn wave(bin: usize) -> f64 {
    100.0 + 60.0 * (TAU * bin as f64 / DAY as f64).sin()
}

/// `high` for the first `width` bins of each period.
fn batch(bin: usize, period: f64, width: f64, high: f64) -> f64 {
    if (bin as f64).rem_euclid(period) < width { high } else { 0.0 }
}

#[test]
fn a_batch_that_does_not_divide_the_day_is_found_beside_it() {
    // Seven hours, a hundred minutes, and 87.5 minutes, which is no whole number of bins.
    for (period, width) in [(84.0, 6.0), (20.0, 3.0), (17.5, 4.0)] {
        for seed in 1..4 {
            let values = counts(9 * DAY, seed, |bin| wave(bin) + batch(bin, period, width, 150.0));
            let found = search(&values, DAY).expect("a season");
            assert!(found.beside_day, "{found:?}");
            // The shortest period or, where that is no whole number of bins, twice that.
            let times = (found.period_bins / period).round();
            assert!((1.0..=2.0).contains(&times), "{found:?} instead of {period}");
            let off = (found.period_bins / times - period).abs();
            assert!(off < 0.1, "{found:?} instead of {period}");
        }
    }
}

#[test]
fn a_batch_every_six_hours_and_a_cron_every_five_minutes_are_parts_of_the_day() {
    for seed in 1..4 {
        let six_hours = counts(9 * DAY, seed, |bin| 20.0 + batch(bin, 72.0, 4.0, 400.0));
        let found = search(&six_hours, DAY);
        assert_eq!(found, Some(Found { period_bins: 72.0, beside_day: false }), "seed {seed}");
        // Bins of a minute: a day of them is enough.
        let cron = counts(1_440, seed, |bin| 5.0 + batch(bin, 5.0, 1.0, 60.0));
        let found = search(&cron, 1_440);
        assert_eq!(found, Some(Found { period_bins: 5.0, beside_day: false }), "seed {seed}");
    }
}

#[test]
fn where_there_is_no_other_season_none_is_found() {
    for seed in 1..20 {
        assert_eq!(search(&counts(9 * DAY, seed, wave), DAY), None, "a day, seed {seed}");
        assert_eq!(search(&counts(9 * DAY, seed, |_| 50.0), DAY), None, "noise, seed {seed}");
        let mut random = Random::new(seed);
        let mut level = 0.0;
        let walk = (0..9 * DAY).map(|_| {
            level = 0.97 * level + noise(&mut random);
            (20.0 + 3.0 * level).max(0.0) as f32
        });
        assert_eq!(search(&walk.collect::<Vec<_>>(), DAY), None, "short memory, seed {seed}");
    }
    assert_eq!(search(&[5.0; 3_000], DAY), None);
    assert_eq!(search(&[0.0; 3_000], DAY), None);
    assert_eq!(search(&[1.0; 100], DAY), None);
}

#[test]
fn a_found_season_forecasts_its_batches_on_top_of_the_day() {
    let settings = ForecastSettings::default();
    let mut history = History::new(0, &settings).expect("five minutes");
    let mut state = FoundSeasonState::new(history.seasons());
    let mean = |bin: usize| wave(bin) + batch(bin, 84.0, 6.0, 150.0);
    let mut points = [0.0; 12];
    state.refit(&history);
    assert!(!state.predict(&history, &mut points), "silent until something is found");
    for value in counts(9 * DAY, 5, mean) {
        history.push(Observation::Value(f64::from(value)));
    }
    state.refit(&history);
    let mut error = 0.0;
    for value in counts(12 * DAY, 6, mean).split_off(9 * DAY) {
        assert!(state.predict(&history, &mut points));
        let bin = history.bins_total() as usize;
        error += (0..12).map(|step| (points[step] - mean(bin + step)).abs()).sum::<f64>() / 12.0;
        history.push(Observation::Value(f64::from(value)));
    }
    let error = error / (3 * DAY) as f64;
    assert!(error < 8.0, "the noise of a bin is 8 or more: {error}");
}
