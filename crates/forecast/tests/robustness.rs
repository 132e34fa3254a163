//! Whatever is pushed, what comes out is finite, not negative, and rises with the quantile; and
//! memory stays bounded.

mod common;

use common::{BIN_MS, DAY, MONDAY_MS, Random, diurnal, series, settings};
use forecast::{
    Fit, ForecastError, ForecastSettings, ModelKind, Observation, Outlook, Predict, Series,
    SeriesForecaster, Step, Trainer,
};
use proptest::prelude::*;
use std::sync::Arc;

const MODELS: [ModelKind; 10] = [
    ModelKind::LastValue,
    ModelKind::SeasonalNaiveDay,
    ModelKind::SeasonalNaiveWeek,
    ModelKind::Ewma,
    ModelKind::ProfileLevel,
    ModelKind::FoundSeason,
    ModelKind::Spar,
    ModelKind::Ridge,
    ModelKind::Combination,
    ModelKind::Climatology,
];

fn is_sound(step: &Step) -> bool {
    let Step { point, q50, q90, q99 } = *step;
    [point, q50, q90, q99].iter().all(|value| value.is_finite() && *value >= 0.0)
        && q50 <= q90
        && q90 <= q99
}

fn assert_sound(forecaster: &SeriesForecaster, steps: usize) {
    for model in MODELS {
        for step in forecaster.model_forecast(model, steps).unwrap_or_default() {
            assert!(is_sound(&step), "{model}: {step:?}");
        }
    }
    match forecaster.forecast(steps) {
        Outlook::Forecast(forecast) => assert!(forecast.steps.iter().all(is_sound)),
        Outlook::Abstain(abstention) => assert!(abstention.level.iter().all(is_sound)),
    }
}

/// Half-hourly bins keep the cases small: 48 to a day.
fn half_hourly() -> ForecastSettings {
    ForecastSettings { bin_ms: 1_800_000, horizon_steps: 6, ..ForecastSettings::default() }
}

/// Counters as they come: ordinary, idle, absurd, reset, missing.
fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 0.0..1e4_f64,
        3 => Just(0.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => -1e9..0.0_f64,
        1 => 1e12..1e300_f64,
        1 => 0.0..1e-300_f64,
    ]
}

/// Stretches of one kind of load, each of some length.
fn any_series() -> impl Strategy<Value = Vec<f64>> {
    let stretch = prop_oneof![
        3 => prop::collection::vec(any_value(), 1..200),
        1 => (any_value(), 1..300_usize).prop_map(|(value, bins)| vec![value; bins]),
        2 => (0.0..1e6_f64, 1..600_usize, any::<u64>()).prop_map(|(scale, bins, seed)| {
            let mut random = Random::new(seed);
            let day = |at: usize| 1.0 + (at as f64 / 48.0 * std::f64::consts::TAU).sin();
            (0..bins).map(|at| scale * day(at) * random.uniform()).collect()
        }),
    ];
    prop::collection::vec(stretch, 1..5).prop_map(|stretches| stretches.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_input_makes_an_unsound_forecast(history in any_series(), live in any_series()) {
        let settings = half_hourly();
        let history = Series::new(MONDAY_MS, settings.bin_ms, history);
        let mut forecaster =
            SeriesForecaster::from_history(&history, &settings).expect("settings");
        assert_sound(&forecaster, 6);
        for value in live {
            forecaster.push(value);
            assert_sound(&forecaster, 6);
        }
        prop_assert!(forecaster.scores().iter().all(|score| score.recent_error.pinball >= 0.0));
    }

    #[test]
    fn every_method_fits_alone_or_says_why_not(history in any_series()) {
        let settings = half_hourly();
        let history = Series::new(MONDAY_MS, settings.bin_ms, history);
        for model in MODELS {
            match model.fit(&history, &settings).and_then(|fitted| fitted.predict(6)) {
                Ok(forecast) => prop_assert!(forecast.steps.iter().all(is_sound)),
                Err(error) => prop_assert!(
                    matches!(error, ForecastError::TooShort { .. }), "{error}"
                ),
            }
        }
    }
}

#[test]
fn what_is_no_rate_counts_as_a_gap() {
    let values = diurnal(15, 1);
    let known = series(values[..14 * DAY].to_vec());
    let after = |bad: &dyn Fn() -> Observation| {
        let mut forecaster = SeriesForecaster::from_history(&known, &settings()).expect("settings");
        (0..5).for_each(|_| forecaster.push(bad()));
        values[14 * DAY + 5..].iter().for_each(|&value| forecaster.push(value));
        forecaster.forecast(12)
    };
    let gap = after(&|| Observation::Gap);
    for bad in [f64::NAN, -1.0, f64::NEG_INFINITY, f64::INFINITY] {
        assert_eq!(after(&|| Observation::from(bad)), gap);
    }
    assert_ne!(after(&|| Observation::Value(0.0)), gap, "an idle bin is no gap");
}

#[test]
fn a_few_gaps_hardly_matter() {
    let values = diurnal(28, 2);
    let mut holed = values.clone();
    let mut random = Random::new(3);
    for value in &mut holed {
        if random.uniform() < 0.05 {
            *value = f64::NAN;
        }
    }
    let forecast = |values: Vec<f64>| {
        let forecaster = SeriesForecaster::from_history(&series(values), &settings());
        forecaster.expect("settings").forecast(12).forecast().cloned().expect("seasons")
    };
    for (whole, holed) in forecast(values).steps.iter().zip(&forecast(holed).steps) {
        assert!((whole.q90 / holed.q90 - 1.0).abs() < 0.15, "{whole:?} and {holed:?}");
    }
}

#[test]
fn skipped_bins_are_gaps_and_the_past_is_refused() {
    let known = series(diurnal(14, 1));
    let mut jumped = SeriesForecaster::from_history(&known, &settings()).expect("settings");
    let mut pushed = jumped.clone();
    jumped.push_at(known.end_ms() + 3 * BIN_MS, 80.0).expect("ahead");
    (0..3).for_each(|_| pushed.push(Observation::Gap));
    pushed.push(80.0);
    assert_eq!(jumped.forecast(12), pushed.forecast(12));
    let next_ms = jumped.next_start_ms();
    let past = jumped.push_at(next_ms - BIN_MS, 1.0).expect_err("already there");
    assert_eq!(past, ForecastError::OutOfOrder { start_ms: next_ms - BIN_MS, next_ms });
    // A clock that jumps by years does not make years of gaps: the forecaster starts anew.
    jumped.push_at(next_ms + 1_000_000 * BIN_MS, 5.0).expect("ahead");
    assert_eq!(jumped.next_start_ms(), next_ms + 1_000_001 * BIN_MS);
    assert!(jumped.forecast(12).reason().contains("too little history"));
}

#[test]
fn a_load_that_grows_a_thousandfold_is_still_forecast() {
    let mut forecaster =
        SeriesForecaster::from_history(&series(diurnal(14, 5)), &settings()).expect("settings");
    for value in diurnal(14, 6) {
        forecaster.push(1000.0 * value);
    }
    let outlook = forecaster.forecast(12);
    let step = outlook.forecast().expect("seasons").steps[0];
    assert!((1e4..1e6).contains(&step.q50), "{step:?}");
    assert!(step.q90 < 3.0 * step.q50, "the errors of the change are forgotten: {step:?}");
}

#[test]
fn memory_does_not_grow() {
    let mut forecaster =
        SeriesForecaster::from_history(&series(diurnal(28, 1)), &settings()).expect("settings");
    // Weights that nobody has trained are as large as others.
    let network = Trainer::new(&settings(), 1, 1).expect("settings").best().clone();
    forecaster.adopt(&Arc::new(network)).expect("the same settings");
    let mut largest = forecaster.state_bytes();
    for value in diurnal(40, 2) {
        forecaster.push(value);
        largest = largest.max(forecaster.state_bytes());
    }
    assert!((50_000..100_000).contains(&largest), "{largest} bytes");
}
