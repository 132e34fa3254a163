//! What the calendar does to load: clocks that change, holidays, batches that run every few hours;
//! and that yesterday's flash crowd is not tomorrow's forecast.
//!
//! Each is compared with the same load without it. Seasons are the day and the week in UTC; these tests
//! say what that costs.

mod common;

use common::{DAY, Random, diurnal, series, settings};
use forecast::Outlook;
use forecast::backtest::{BacktestSettings, roll};
use std::ops::Range;

/// The day on which something happens.
const DAY_OF: usize = 28;
const SEEDS: Range<u64> = 1..6;

/// The service's own median an hour ahead, for each bin of the last 14 of 42 days; constant if it
/// abstains.
fn said(values: &[f64]) -> Vec<f64> {
    let mut said = Vec::new();
    let fortnight = BacktestSettings { test_days: 14, ..BacktestSettings::default() };
    roll(&series(values.to_vec()), &settings(), &fortnight, None, |origin| {
        let last = match origin.forecaster.forecast(12) {
            Outlook::Forecast(forecast) => forecast.steps[11].q50,
            Outlook::Abstain(abstention) => abstention.level.map_or(0.0, |level| level.q50),
        };
        said.push(last);
    })
    .expect("six weeks");
    said
}

/// The mean absolute error of the medians for the bins of some days, counted from day 28.
fn error(values: &[f64], said: &[f64], days: Range<usize>) -> f64 {
    let bins = (days.start * DAY).max(11)..(days.end * DAY).min(said.len() + 11);
    let miss = |bin: usize| (values[DAY_OF * DAY + bin] - said[bin - 11]).abs();
    bins.clone().map(miss).sum::<f64>() / bins.len() as f64
}

/// By how much an event makes the forecasts of some days worse than they would have been, in the
/// mean over seeds.
fn cost(event: impl Fn(&mut [f64]), days: Range<usize>) -> f64 {
    let ratio = |seed: u64| {
        let usual = diurnal(43, seed);
        let mut changed = usual.clone();
        event(&mut changed);
        let (usual, changed) = (&usual[..42 * DAY], &changed[..42 * DAY]);
        error(changed, &said(changed), days.clone()) / error(usual, &said(usual), days.clone())
    };
    SEEDS.map(ratio).sum::<f64>() / SEEDS.end.saturating_sub(SEEDS.start) as f64
}

#[test]
fn when_the_clocks_change_the_first_days_are_worse_and_no_week_is_lost() {
    let clocks = |values: &mut [f64]| {
        let bins = DAY_OF * DAY..values.len() - 12;
        values.copy_within(bins.start + 12.., bins.start);
    };
    let (first, later) = (cost(clocks, 0..2), cost(clocks, 3..7));
    println!("an hour earlier: {first:.2} times the error for two days, {later:.2} later");
    assert!(first < 1.5 && later < 1.15, "{first} {later}");
}

#[test]
fn a_holiday_spoils_neither_the_next_day_nor_its_weekday() {
    let holiday = |values: &mut [f64]| {
        values[DAY_OF * DAY..(DAY_OF + 1) * DAY].iter_mut().for_each(|value| *value *= 0.35);
    };
    let (next, week_later) = (cost(holiday, 1..2), cost(holiday, 7..8));
    println!("after a holiday: {next:.2} times the error, {week_later:.2} a week later");
    assert!(next < 1.5 && week_later < 1.2, "{next} {week_later}");
}

#[test]
fn yesterdays_flash_crowd_is_not_tomorrows_forecast() {
    let at = DAY_OF * DAY + 120..DAY_OF * DAY + 144;
    let crowd = |values: &mut [f64]| values[at.clone()].iter_mut().for_each(|value| *value *= 10.0);
    for seed in SEEDS {
        let usual = diurnal(42, seed);
        let mut changed = usual.clone();
        crowd(&mut changed);
        let (before, after) = (said(&usual), said(&changed));
        let same_hours = DAY + 120 - 11..DAY + 144 - 11;
        let mean = |said: &[f64]| said[same_hours.clone()].iter().sum::<f64>();
        let ratio = mean(&after) / mean(&before);
        println!("seed {seed}: a day after a tenfold crowd {ratio:.2} times the usual forecast");
        assert!((0.8..1.25).contains(&ratio), "seed {seed}: {ratio}");
    }
}

#[test]
fn a_batch_every_six_hours_is_foreseen() {
    for seed in SEEDS {
        let mut random = Random::new(seed);
        let batch = |bin: usize| bin % (DAY / 4) < 4;
        let mut value = |bin: usize| {
            let mean: f64 = if batch(bin) { 400.0 } else { 20.0 };
            (mean + mean.sqrt() * random.normal()).max(0.0)
        };
        let values: Vec<f64> = (0..42 * DAY).map(&mut value).collect();
        let said = said(&values);
        let in_batch: Vec<f64> =
            (11..14 * DAY - 12).filter(|bin| batch(*bin)).map(|bin| said[bin - 11]).collect();
        let mean = in_batch.iter().sum::<f64>() / in_batch.len() as f64;
        let error = error(&values, &said, 0..14);
        println!("seed {seed}: {mean:.0} said of 400, an hour ahead; mean error {error:.1}");
        assert!((360.0..440.0).contains(&mean) && error < 12.0, "seed {seed}: {mean} {error}");
    }
}

#[test]
fn a_batch_that_does_not_divide_the_day_is_found_and_foreseen_on_top_of_it() {
    let batch = |bin: usize| bin % 84 < 6;
    for seed in SEEDS {
        let mut values = diurnal(42, seed);
        let usual = values.clone();
        let in_batch = values.iter_mut().enumerate().filter(|(bin, _)| batch(*bin));
        in_batch.for_each(|(_, value)| *value += 300.0);
        let (without, said) = (said(&usual), said(&values));
        // What the batch adds to the forecasts for its bins, an hour ahead, once it was found.
        let bins = (2 * DAY..14 * DAY - 12).filter(|bin| batch(28 * DAY + bin));
        let added: Vec<f64> = bins.map(|bin| said[bin - 11] - without[bin - 11]).collect();
        let mean = added.iter().sum::<f64>() / added.len() as f64;
        let ratio = error(&values, &said, 2..14) / error(&usual, &without, 2..14);
        println!("seed {seed}: {mean:.0} added of 300; {ratio:.2} times the error without it");
        assert!((240.0..330.0).contains(&mean) && ratio < 2.0, "seed {seed}: {mean} {ratio}");
    }
}
