//! When the forecaster speaks, and when it must not.

mod common;

use common::{BIN_MS, DAY, Random, diurnal, series, settings, shop, white_noise};
use forecast::{ForecastSettings, Observation, Outlook, Series, SeriesForecaster};

fn from(values: Vec<f64>) -> SeriesForecaster {
    SeriesForecaster::from_history(&series(values), &settings()).expect("settings")
}

fn abstention(outlook: Outlook) -> forecast::Abstention {
    match outlook {
        Outlook::Abstain(abstention) => abstention,
        Outlook::Forecast(forecast) => panic!("spoke: {}", forecast.reason),
    }
}

#[test]
fn load_with_seasons_is_forecast() {
    for seed in 1..=5 {
        for values in [diurnal(28, seed), diurnal(14, seed), diurnal(4, seed), shop(28, seed)] {
            let days = values.len() / DAY;
            let outlook = from(values).forecast(12);
            let forecast = outlook
                .forecast()
                .unwrap_or_else(|| panic!("{days} days, seed {seed}: {}", outlook.reason()));
            assert_eq!(forecast.steps.len(), 12);
            let error = forecast.recent_error;
            assert!(error.pinball < 0.95 * error.climatology);
            let naive = error.seasonal_naive.unwrap_or(f64::INFINITY);
            assert!(
                error.pinball <= naive * (1.0 + 1e-9),
                "{days} days, seed {seed}: {forecast:?}"
            );
        }
    }
}

#[test]
fn a_shuffled_history_says_nothing_about_timing() {
    for seed in 1..=10 {
        for mut values in [diurnal(28, seed), shop(28, seed)] {
            Random::new(seed).shuffle(&mut values);
            let shuffled = abstention(from(values.clone()).forecast(12));
            assert!(shuffled.reason.contains("timing"), "{}", shuffled.reason);
            // How high is still known, though not when.
            values.sort_by(f64::total_cmp);
            let q90 = values[values.len() * 9 / 10];
            let level = shuffled.level.expect("a week was seen");
            assert!((level.q90 / q90 - 1.0).abs() < 0.2, "{level:?} and {q90}");
        }
    }
}

#[test]
fn noise_and_constants_are_not_forecast() {
    for seed in 1..=10 {
        let noise = abstention(from(white_noise(28, seed)).forecast(12));
        assert!(noise.reason.contains("timing"), "{}", noise.reason);
        abstention(from(white_noise(3, seed)).forecast(12));
    }
    for constant in [0.0, 42.0] {
        let constant = abstention(from(vec![constant; 28 * DAY]).forecast(12));
        assert!(constant.reason.contains("timing"), "{}", constant.reason);
    }
}

#[test]
fn noise_stays_unforecast_as_it_goes_on() {
    let mut forecaster = from(white_noise(14, 3));
    for value in white_noise(7, 4) {
        forecaster.push(value);
        abstention(forecaster.forecast(12));
    }
}

#[test]
fn a_short_history_names_what_it_needs() {
    let none = SeriesForecaster::new(0, &settings()).expect("settings");
    let none = abstention(none.forecast(12));
    assert_eq!(none.reason, "too little history: 0.0 hours of the 48 that are needed");
    assert_eq!(none.level, None);
    let hour = abstention(from(diurnal(1, 1)[..12].to_vec()).forecast(12));
    assert_eq!(hour.reason, "too little history: 1.0 hours of the 48 that are needed");
    let short = abstention(from(diurnal(2, 1)[..DAY + 6].to_vec()).forecast(12));
    assert_eq!(short.reason, "too little history: 24.5 hours of the 48 that are needed");
    assert!(short.level.is_some());
}

#[test]
fn a_forecaster_that_starts_empty_speaks_within_days() {
    let mut forecaster = SeriesForecaster::new(common::MONDAY_MS, &settings()).expect("settings");
    let spoke = diurnal(5, 2).into_iter().position(|value| {
        forecaster.push(value);
        forecaster.forecast(12).forecast().is_some()
    });
    let bins = 1 + spoke.expect("five days of seasons are enough");
    assert!((2 * DAY..4 * DAY).contains(&bins), "after {bins} bins");
}

#[test]
fn a_day_mostly_of_gaps_silences_and_data_gives_the_voice_back() {
    let values = diurnal(30, 5);
    let mut forecaster = from(values[..28 * DAY].to_vec());
    for _ in 0..DAY * 6 / 10 {
        forecaster.push(Observation::Gap);
    }
    let silent = abstention(forecaster.forecast(12));
    assert!(silent.reason.contains("gaps"), "{}", silent.reason);
    for &value in &values[28 * DAY + DAY * 6 / 10..] {
        forecaster.push(value);
    }
    assert!(forecaster.forecast(12).forecast().is_some());
}

#[test]
fn when_the_rhythm_stops_the_forecast_stops() {
    let mut forecaster = from(diurnal(28, 6));
    assert!(forecaster.forecast(12).forecast().is_some());
    white_noise(6, 7).into_iter().for_each(|value| forecaster.push(value));
    abstention(forecaster.forecast(12));
}

#[test]
fn a_forecast_starts_where_the_history_ends_and_is_as_long_as_asked() {
    let known = series(diurnal(28, 1));
    let forecaster = SeriesForecaster::from_history(&known, &settings()).expect("settings");
    let outlook = forecaster.forecast(5);
    let forecast = outlook.forecast().expect("seasons");
    assert_eq!((forecast.start_ms, forecast.bin_ms), (known.end_ms(), BIN_MS));
    assert_eq!(forecast.steps.len(), 5);
    let longer = forecaster.forecast(500);
    assert_eq!(longer.forecast().expect("seasons").steps.len(), 12);
    assert_eq!(longer.forecast().expect("seasons").steps[..5], forecast.steps[..]);
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let refused = |settings: ForecastSettings| {
        SeriesForecaster::new(0, &settings).expect_err("refused").to_string()
    };
    let base = ForecastSettings::default;
    assert!(refused(ForecastSettings { bin_ms: 7, ..base() }).contains("bin"));
    for (name, settings) in [
        ("horizon_steps", ForecastSettings { horizon_steps: 0, ..base() }),
        ("horizon_steps", ForecastSettings { horizon_steps: 287, ..base() }),
        ("history_days_max", ForecastSettings { history_days_max: 1, ..base() }),
        ("history_days_min", ForecastSettings { history_days_min: 29, ..base() }),
        ("refit_interval_bins", ForecastSettings { refit_interval_bins: 0, ..base() }),
        ("ridge_penalty", ForecastSettings { ridge_penalty: f64::NAN, ..base() }),
        ("half_life_days", ForecastSettings { half_life_days: 0.0, ..base() }),
        ("calibration_days", ForecastSettings { calibration_days: 0, ..base() }),
        ("selection_days", ForecastSettings { selection_days: 29, ..base() }),
        ("gate_margin", ForecastSettings { gate_margin: 1.0, ..base() }),
        ("switch_margin", ForecastSettings { switch_margin: -0.1, ..base() }),
    ] {
        let message = refused(settings);
        assert!(message.contains(name), "{message}");
    }
    let hourly = Series::new(0, 3_600_000, vec![1.0; 100]);
    assert!(SeriesForecaster::from_history(&hourly, &base()).is_err());
}
