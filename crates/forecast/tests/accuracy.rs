//! The models are worth their name: on load with seasons they beat the naive ones, their quantiles
//! hold what they promise, and the service's own choice is about as good as the best.

mod common;

use common::{DAY, diurnal, series, settings, shop};
use forecast::backtest::{BacktestSettings, ModelReport, Report, SERVICE_CHOICE, run};
use forecast::{ForecastSettings, Series};

fn backtest(values: Vec<f64>) -> Report {
    run("made up", &series(values), &settings(), &BacktestSettings::default(), None)
        .expect("long enough")
        .report
}

fn row<'a>(report: &'a Report, name: &str) -> &'a ModelReport {
    report.models.iter().find(|model| model.name == name).expect("a row of that name")
}

#[test]
fn on_diurnal_load_ridge_and_profile_beat_both_seasonal_naives() {
    for seed in [1, 2, 3] {
        let report = backtest(diurnal(35, seed));
        let naive = ["seasonal_naive_day", "seasonal_naive_week"].map(|name| row(&report, name));
        let best_mase = naive.map(|naive| naive.mase).into_iter().fold(f64::INFINITY, f64::min);
        let best_pinball =
            naive.map(|naive| naive.pinball.q90).into_iter().fold(f64::INFINITY, f64::min);
        for name in ["ridge", "profile_level"] {
            let model = row(&report, name);
            assert!(model.mase < 0.8 * best_mase, "seed {seed}, {name}: MASE {}", model.mase);
            assert!(model.pinball.q90 < 0.8 * best_pinball, "seed {seed}, {name}");
        }
        assert!(row(&report, "ridge").mase < row(&report, "profile_level").mase, "seed {seed}");
        assert!(row(&report, "ridge").mase < 0.9 * row(&report, "last_value").mase, "seed {seed}");
    }
}

#[test]
fn quantiles_cover_what_they_promise() {
    for seed in [4, 5, 6] {
        let report = backtest(diurnal(35, seed));
        for name in ["ridge", "profile_level", "seasonal_naive_week", SERVICE_CHOICE] {
            let coverage = row(&report, name).coverage;
            assert!((0.85..=0.95).contains(&coverage.q90), "seed {seed}, {name}: {coverage:?}");
            assert!((0.97..=1.0).contains(&coverage.q99), "seed {seed}, {name}: {coverage:?}");
        }
    }
}

#[test]
fn the_services_choice_is_about_the_best_and_never_loses_to_the_naive() {
    for values in [diurnal(35, 7), shop(35, 8)] {
        let report = backtest(values);
        let loss = |name: &str| row(&report, name).pinball.q90;
        let losses = report.models.iter().map(|model| model.pinball.q90);
        let best = losses.fold(f64::INFINITY, f64::min);
        assert!(loss(SERVICE_CHOICE) < 1.05 * best, "{report:#?}");
        for naive in ["seasonal_naive_day", "seasonal_naive_week", "climatology"] {
            assert!(loss(SERVICE_CHOICE) < 0.99 * loss(naive), "{naive}: {report:#?}");
        }
        assert_eq!(report.abstained, 0.0);
    }
}

#[test]
fn a_closed_day_is_forecast_closed_and_the_next_one_open() {
    let values = shop(35, 9);
    // Day 33 is a Saturday, at whose noon the forecast is asked for; then on Sunday before opening.
    let outlook = |bins: usize| {
        let known = series(values[..bins].to_vec());
        let forecaster =
            forecast::SeriesForecaster::from_history(&known, &settings()).expect("settings");
        forecaster.forecast(12).forecast().cloned().expect("a season to know")
    };
    let open = values[32 * DAY + 8 * 12..32 * DAY + 18 * 12].iter().sum::<f64>() / 120.0;
    let saturday = outlook(33 * DAY + DAY / 2);
    let sunday = outlook(34 * DAY + 8 * 12 - 6);
    assert!(saturday.steps[11].q90 < 0.1 * open, "closed: {:?}", saturday.steps[11]);
    assert!(sunday.steps[0].q90 < 0.1 * open, "not yet open: {:?}", sunday.steps[0]);
    assert!(sunday.steps[11].q90 > 0.5 * open, "open by then: {:?}", sunday.steps[11]);
}

#[test]
fn hourly_bins_have_the_same_seasons() {
    let values: Vec<f64> =
        diurnal(42, 10).chunks(12).map(|hour| hour.iter().sum::<f64>() / 12.0).collect();
    let series = Series::new(common::MONDAY_MS, 3_600_000, values);
    let settings =
        ForecastSettings { bin_ms: 3_600_000, horizon_steps: 6, ..ForecastSettings::default() };
    let report =
        run("hourly", &series, &settings, &BacktestSettings::default(), None).expect("long").report;
    let (ridge, naive) = (row(&report, "ridge"), row(&report, "seasonal_naive_week"));
    assert!(ridge.mase < 0.8 * naive.mase, "{} against {}", ridge.mase, naive.mase);
    assert_eq!((report.bin_seconds, report.horizon_seconds), (3600.0, 21_600.0));
}
