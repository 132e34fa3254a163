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

/// Requests as counts: a hot spot of some cells on a quiet axis, which wanders along it and turns back
/// at its ends, `speed` cells an hour.
fn drifting(days: usize, seed: u64, cells: usize, speed: f64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut loads = Vec::with_capacity(days * DAY * cells);
    for bin in 0..days * DAY {
        let travelled = speed * bin as f64 / 12.0 + (seed * 37 % cells as u64) as f64;
        let (way, turn) = (cells as f64 * 0.8, travelled % (cells as f64 * 1.6));
        let centre = cells as f64 * 0.1 + if turn < way { turn } else { 2.0 * way - turn };
        let mut load = |cell: usize| {
            let mean = 400.0 * (-((cell as f64 - centre) / 3.0).powi(2)).exp() + 2.0;
            (mean + mean.sqrt() * random.normal()).max(0.0)
        };
        loads.extend((0..cells).map(&mut load));
    }
    loads
}

/// Inserts with rising keys: most load is at a front that goes on for ever, some behind it.
fn rising(days: usize, seed: u64, cells: usize) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut loads = Vec::with_capacity(days * DAY * cells);
    for bin in 0..days * DAY {
        let front = cells as f64 * (0.1 + 0.8 * bin as f64 / (days * DAY) as f64);
        let mut load = |cell: usize| {
            let behind = front - cell as f64;
            let mean = if behind >= 0.0 { 300.0 * (-behind / 6.0).exp() + 1.0 } else { 0.2 };
            (mean + mean.sqrt() * random.normal()).max(0.0)
        };
        loads.extend((0..cells).map(&mut load));
    }
    loads
}

/// Over the last day: the mean error of shares an hour ahead, the same if all stays as in the last
/// hour, and which part of the eight hottest cells was named.
fn an_hour_ahead(loads: &[f64], cells: usize) -> (f64, f64, f64, ShareKind) {
    let rows: Vec<&[f64]> = loads.chunks(cells).collect();
    let known = rows.len() - DAY;
    let settings = ShareSettings::default();
    let mut model =
        ShareModel::from_history(&loads[..known * cells], cells, 0, &settings).expect("settings");
    let hottest = |row: &[f64]| {
        let mut order: Vec<usize> = (0..cells).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order[..8].to_vec()
    };
    let distance = |shares: &[f64], row: &[f64]| {
        let total: f64 = row.iter().sum();
        shares.iter().zip(row).map(|(a, b)| (a - b / total).abs()).sum::<f64>()
    };
    let (mut error, mut naive, mut named, mut count) = (0.0, 0.0, 0.0, 0.0);
    for origin in known..rows.len() - 12 {
        let actual = rows[origin + 11];
        let shares = &model.shares(12)[11];
        let last: f64 = rows[origin - 1].iter().sum();
        let stays: Vec<f64> = rows[origin - 1].iter().map(|load| load / last).collect();
        error += distance(shares, actual);
        naive += distance(&stays, actual);
        let (said, came) = (hottest(shares), hottest(actual));
        named += said.iter().filter(|cell| came.contains(cell)).count() as f64 / 8.0;
        count += 1.0;
        model.push(rows[origin]).expect("the same cells");
    }
    (error / count, naive / count, named / count, model.kind())
}

#[test]
fn a_hot_spot_that_drifts_and_a_front_that_advances_are_met_where_they_will_be() {
    for seed in 1..=5 {
        for (what, loads) in [
            ("drifting", drifting(3, seed, 256, 5.0)),
            ("drifting fast", drifting(3, seed, 256, 11.0)),
            ("rising", rising(3, seed, 256)),
        ] {
            let (error, naive, named, kind) = an_hour_ahead(&loads, 256);
            println!(
                "seed {seed}, {what}: {error:.3}, naive {naive:.3}, {named:.3} named, {kind:?}"
            );
            assert_eq!(kind, ShareKind::Moving, "seed {seed}, {what}");
            assert!(error < 0.5 * naive, "seed {seed}, {what}: {error} against {naive}");
        }
    }
}

#[test]
fn what_stands_still_is_not_moved() {
    let cells = 256;
    for seed in 1..=5 {
        let mut random = Random::new(seed);
        let mut places: Vec<f64> = (1..=cells).map(|rank| 4_000.0 / f64::from(rank)).collect();
        random.shuffle(&mut places);
        let mut loads = Vec::new();
        for bin in 0..3 * DAY {
            let day = 1.0 + 0.7 * (TAU * bin as f64 / DAY as f64).sin();
            let counts = places.iter().map(|mean| mean * day);
            loads.extend(counts.map(|mean| (mean + mean.sqrt() * random.normal()).max(0.0)));
        }
        let (error, naive, named, kind) = an_hour_ahead(&loads, cells as usize);
        println!("seed {seed}, Zipf: {error:.3}, naive {naive:.3}, {named:.3} named, {kind:?}");
        assert!(
            kind != ShareKind::Moving && error < naive && named > 0.95,
            "seed {seed}: {kind:?}"
        );
    }
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
    assert_ne!(model.kind(), ShareKind::Seasonal);
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
