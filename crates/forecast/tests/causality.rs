//! No model sees the future: what is forecast at an origin depends on the bins before it alone.

mod common;

use common::{DAY, Random, diurnal, series, settings};
use forecast::backtest::{BacktestSettings, roll};
use forecast::{ModelKind, Outlook, Series, SeriesForecaster, Step, Trainer};
use std::sync::Arc;

const MODELS: [ModelKind; 11] = [
    ModelKind::LastValue,
    ModelKind::SeasonalNaiveDay,
    ModelKind::SeasonalNaiveWeek,
    ModelKind::Ewma,
    ModelKind::ProfileLevel,
    ModelKind::FoundSeason,
    ModelKind::Spar,
    ModelKind::Ridge,
    ModelKind::Gru,
    ModelKind::Combination,
    ModelKind::Climatology,
];

/// Everything that is said at one origin.
type Said = (Vec<Option<Vec<Step>>>, Outlook);

fn everything_said(series: &Series) -> Vec<Said> {
    let mut said = Vec::new();
    let two_days = BacktestSettings { test_days: 2, ..BacktestSettings::default() };
    // Of a network only that it looks at nothing else matters here, not what it has learnt.
    let network = Trainer::new(&settings(), 1, 1).expect("settings").best().clone();
    roll(series, &settings(), &two_days, Some(&Arc::new(network)), |origin| {
        let steps = |&model: &ModelKind| origin.forecaster.model_forecast(model, 12);
        said.push((MODELS.iter().map(steps).collect(), origin.forecaster.forecast(12)));
    })
    .expect("long enough");
    said
}

#[test]
fn shuffling_the_future_changes_no_forecast_made_before_it() {
    let mut values = diurnal(16, 1);
    // A season that is to be found, so that all methods speak.
    values.iter_mut().step_by(7 * 12).for_each(|value| *value += 500.0);
    let cut = 15 * DAY + 100;
    let mut shuffled = values.clone();
    Random::new(2).shuffle(&mut shuffled[cut..]);
    let said = everything_said(&series(values));
    let said_of_shuffled = everything_said(&series(shuffled));
    let origins_before = cut - 14 * DAY + 1;
    assert_eq!(said[..origins_before], said_of_shuffled[..origins_before]);
    assert!(said[origins_before - 1].0.iter().all(Option::is_some), "all of them spoke");
    // The comparison can tell the two apart: one bin later, every model but the slow ones differs.
    let (before, after) = (&said[origins_before].0, &said_of_shuffled[origins_before].0);
    let differ = before.iter().zip(after).filter(|(one, other)| one != other).count();
    assert!(differ >= 6, "only {differ} models noticed");
}

#[test]
fn starting_from_a_history_knows_only_that_history() {
    // A history that ends at the origin, and a longer one of which only the same part is given.
    let values = diurnal(20, 3);
    let known = Series { values: values[..15 * DAY].to_vec(), ..series(Vec::new()) };
    let one = SeriesForecaster::from_history(&known, &settings()).expect("settings");
    let mut other = SeriesForecaster::from_history(&known, &settings()).expect("settings");
    assert_eq!(one.forecast(12), other.forecast(12), "deterministic");
    other.push(values[15 * DAY]);
    assert_ne!(one.forecast(12), other.forecast(12));
}

#[test]
fn pushing_bin_by_bin_ends_where_starting_from_the_history_does() {
    let values = diurnal(21, 4);
    let whole = SeriesForecaster::from_history(&series(values.clone()), &settings());
    let mut pushed =
        SeriesForecaster::from_history(&series(values[..18 * DAY].to_vec()), &settings())
            .expect("settings");
    values[18 * DAY..].iter().for_each(|&value| pushed.push(value));
    let whole = whole.expect("settings");
    assert_eq!(whole.next_start_ms(), pushed.next_start_ms());
    // Which of two equally good methods speaks depends on who spoke before; what each says does not.
    for model in [ModelKind::ProfileLevel, ModelKind::Spar, ModelKind::Ridge] {
        let said = |forecaster: &SeriesForecaster| forecaster.model_forecast(model, 12);
        let (whole, pushed) = (said(&whole).expect("says"), said(&pushed).expect("says"));
        for (one, other) in whole.iter().zip(&pushed) {
            assert!((one.point / other.point - 1.0).abs() < 0.05, "{model}: {one:?} and {other:?}");
            assert!((one.q90 / other.q90 - 1.0).abs() < 0.1, "{model}: {one:?} and {other:?}");
        }
    }
}
