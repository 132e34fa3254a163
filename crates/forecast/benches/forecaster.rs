//! What forecasting one series costs: starting from four weeks of five-minute bins, one more bin,
//! and one forecast of an hour.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use forecast::{Fit, ForecastSettings, ModelKind, Series, SeriesForecaster};
use std::f64::consts::TAU;
use std::hint::black_box;

const DAY: usize = 288;

/// A daily wave with noise from a fixed sequence.
fn value(bin: usize) -> f64 {
    let mut x = (bin as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let noise = (x >> 11) as f64 / (1_u64 << 53) as f64;
    100.0 * (1.2 + (TAU * bin as f64 / DAY as f64).sin()) * (0.7 + 0.6 * noise)
}

fn costs(criterion: &mut Criterion) {
    let settings = ForecastSettings::default();
    let month = Series::new(0, settings.bin_ms, (0..28 * DAY).map(value).collect());
    let start = || SeriesForecaster::from_history(&month, &settings).expect("default settings");

    criterion.bench_function("from_history, 28 days", |bencher| bencher.iter(start));
    criterion.bench_function("fit ridge alone, 28 days", |bencher| {
        bencher.iter(|| ModelKind::Ridge.fit(black_box(&month), &settings));
    });
    // A whole day per round, so that the hourly and the round-robin work is in it.
    criterion.bench_function("push, a day of 288", |bencher| {
        bencher.iter_batched(
            start,
            |mut forecaster| {
                (28 * DAY..29 * DAY).for_each(|bin| forecaster.push(value(bin)));
                forecaster
            },
            BatchSize::SmallInput,
        );
    });
    // A refit comes with every twelfth push.
    let mut refitting = start();
    (28 * DAY..28 * DAY + 11).for_each(|bin| refitting.push(value(bin)));
    criterion.bench_function("push with a refit", |bencher| {
        bencher.iter_batched(
            || refitting.clone(),
            |mut forecaster| {
                forecaster.push(value(28 * DAY + 11));
                forecaster
            },
            BatchSize::SmallInput,
        );
    });
    let thousand = vec![refitting; 1_000];
    criterion.bench_function("forecast, 1,000 series of 12 steps", |bencher| {
        bencher.iter(|| {
            let forecasts = thousand.iter().map(|forecaster| forecaster.forecast(12));
            forecasts.filter(|outlook| outlook.forecast().is_some()).count()
        });
    });
    drop(thousand);
    let forecaster = start();
    criterion.bench_function("forecast, 12 steps", |bencher| {
        bencher.iter(|| black_box(&forecaster).forecast(12));
    });
}

criterion_group!(benches, costs);
criterion_main!(benches);
