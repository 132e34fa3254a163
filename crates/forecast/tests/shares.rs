//! Shares of cells: which belief wins on which load, and that shares are shares.

mod common;

use common::{BIN_MS, DAY, Random};
use forecast::{ForecastError, ShareKind, ShareModel, ShareSettings};
use proptest::prelude::*;
use std::f64::consts::TAU;

const CELLS: usize = 16;

/// Tenants in different time zones: every cell has its own hour of the day.
fn shifted(days: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut load = |bin: usize, cell: usize| {
        let phase = bin as f64 / DAY as f64 + cell as f64 / CELLS as f64;
        10.0 * (2.0 * (TAU * phase).sin()).exp() * (1.0 + 0.1 * random.normal()).max(0.0)
    };
    let mut loads = Vec::with_capacity(days * DAY * CELLS);
    for bin in 0..days * DAY {
        loads.extend((0..CELLS).map(|cell| load(bin, cell)));
    }
    loads
}

/// A few hot cells that move every few hours without any rhythm.
fn wandering(days: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut loads = Vec::with_capacity(days * DAY * CELLS);
    let mut hot = 0;
    for bin in 0..days * DAY {
        if bin % 61 == 0 {
            hot = (random.next() % CELLS as u64) as usize;
        }
        loads.extend((0..CELLS).map(|cell| if cell == hot { 50.0 } else { 1.0 }));
    }
    loads
}

fn model(loads: &[f64]) -> ShareModel {
    ShareModel::from_history(loads, CELLS, 0, &ShareSettings::default()).expect("settings")
}

/// The mean error of an hour's forecast over the day after `known_days`, for each of two choices:
/// what the model says, and that all stays as in the last bin.
fn errors(loads: &[f64], known_days: usize) -> (f64, f64) {
    let rows: Vec<&[f64]> = loads.chunks(CELLS).collect();
    let mut model = model(&loads[..known_days * DAY * CELLS]);
    let (mut forecast, mut naive, mut count) = (0.0, 0.0, 0.0);
    for origin in known_days * DAY..(known_days + 1) * DAY - 12 {
        let share = |row: &[f64]| {
            let total: f64 = row.iter().sum();
            row.iter().map(|load| load / total).collect::<Vec<f64>>()
        };
        let distance = |one: &[f64], other: &[f64]| {
            one.iter().zip(other).map(|(a, b)| (a - b).abs()).sum::<f64>()
        };
        let actual = share(rows[origin + 11]);
        forecast += distance(&model.shares(12)[11], &actual);
        naive += distance(&share(rows[origin - 1]), &actual);
        count += 1.0;
        model.push(rows[origin]).expect("the same cells");
    }
    (forecast / count, naive / count)
}

#[test]
fn tenants_in_other_time_zones_are_seen_coming() {
    let loads = shifted(5, 1);
    assert_eq!(model(&loads).kind(), ShareKind::Seasonal);
    let (forecast, naive) = errors(&loads, 4);
    assert!(forecast < 0.6 * naive, "{forecast} against {naive}");
}

#[test]
fn without_rhythm_the_recent_shares_are_kept() {
    let loads = wandering(5, 2);
    let model = model(&loads);
    assert_eq!(model.kind(), ShareKind::Recent);
    assert!(model.recent_error().expect("compared") > 0.1, "an hour ahead cells have moved");
}

#[test]
fn the_choice_follows_the_load() {
    let mut model = model(&shifted(4, 3));
    assert_eq!(model.kind(), ShareKind::Seasonal);
    for row in wandering(3, 4).chunks(CELLS) {
        model.push(row).expect("the same cells");
    }
    assert_eq!(model.kind(), ShareKind::Recent);
}

#[test]
fn before_any_load_shares_are_equal() {
    let mut model = ShareModel::new(4, 0, &ShareSettings::default()).expect("settings");
    assert_eq!(model.shares(2), vec![vec![0.25; 4]; 2]);
    model.push(&[0.0; 4]).expect("four cells");
    assert_eq!(model.shares(1), vec![vec![0.25; 4]]);
    model.push(&[0.0, 3.0, 1.0, 0.0]).expect("four cells");
    assert_eq!(model.shares(1), vec![vec![0.0, 0.75, 0.25, 0.0]]);
    assert_eq!(model.recent_error(), None);
}

#[test]
fn a_row_of_another_length_is_refused_and_changes_nothing() {
    let mut model = ShareModel::new(4, 0, &ShareSettings::default()).expect("settings");
    model.push(&[1.0, 0.0, 0.0, 0.0]).expect("four cells");
    let refused = model.push(&[1.0, 2.0]).expect_err("two cells");
    assert_eq!(refused, ForecastError::CellCount { got: 2, expected: 4 });
    assert_eq!(model.shares(1), vec![vec![1.0, 0.0, 0.0, 0.0]]);
}

#[test]
fn an_absurd_load_is_survived() {
    let mut model = ShareModel::new(2, 0, &ShareSettings::default()).expect("settings");
    model.push(&[1e300, 1.0]).expect("two cells");
    model.push(&[f64::NAN, 1.0]).expect("two cells");
    for _ in 0..3 * DAY {
        model.push(&[1.0, 3.0]).expect("two cells");
    }
    let shares = &model.shares(1)[0];
    assert!((shares[0] - 0.25).abs() < 0.01, "{shares:?}");
}

#[test]
fn impossible_settings_are_refused() {
    let base = ShareSettings::default;
    for settings in [
        ShareSettings { bin_ms: 1, ..base() },
        ShareSettings { horizon_steps: 0, ..base() },
        ShareSettings { slot_minutes: 90, ..base() },
        ShareSettings { recent_half_life_minutes: 0, ..base() },
        ShareSettings { day_weight: 0.0, ..base() },
        ShareSettings { switch_margin: 1.0, ..base() },
    ] {
        assert!(ShareModel::new(4, 0, &settings).is_err(), "{settings:?}");
    }
}

proptest! {
    #[test]
    fn shares_are_shares_whatever_the_loads(
        rows in prop::collection::vec(prop::collection::vec(prop_oneof![
            6 => 0.0..1e6_f64, 2 => Just(0.0), 1 => Just(f64::NAN), 1 => -5.0..0.0_f64,
            1 => 1e30..1e300_f64, 1 => 0.0..1e-40_f64,
        ], 5), 0..60),
        start_ms in -1_000_000_000_000_i64..2_000_000_000_000,
    ) {
        let settings = ShareSettings { bin_ms: 3_600_000, horizon_steps: 3, ..Default::default() };
        let start_ms = start_ms / BIN_MS * BIN_MS;
        let mut model =
            ShareModel::from_history(&rows.concat(), 5, start_ms, &settings).expect("settings");
        for row in &rows {
            for shares in model.shares(30) {
                prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
                prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
            }
            model.push(row).expect("five cells");
        }
    }
}
