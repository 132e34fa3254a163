//! Backtests a rates file (`timestamp_unix_s,requests`, regular steps) given on standard input:
//!
//! ```text
//! zcat rates.csv.gz | cargo run --release -p forecast --example backtest -- NAME [BIN_MINUTES [STEPS [SERIES]]]
//! ```
//!
//! Prints one table; with `BACKTEST_JSON=1` the JSON document of `foreshard backtest` instead.
//! Files with a column `series` between the two are read if the series' name is given.

use forecast::backtest::{BacktestSettings, Report, run, training_part};
use forecast::{ForecastSettings, Network, Series, Trainer};
use std::error::Error;
use std::io::{BufRead, stdin};
use std::sync::Arc;

/// Ten years of minutes.
const BINS_MAX: usize = 5_300_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument =
        |at: usize, default: &str| arguments.get(at).cloned().unwrap_or_else(|| default.to_owned());
    let name = argument(0, "series");
    let settings = ForecastSettings {
        bin_ms: argument(1, "5").parse::<i64>()? * 60_000,
        horizon_steps: argument(2, "12").parse()?,
        ..ForecastSettings::default()
    };
    let points = read(arguments.get(3).map(String::as_str))?;
    let series = Series::from_points(&points, settings.bin_ms, BINS_MAX).ok_or("no points")?;
    let backtest = BacktestSettings::default();
    let network = match std::env::var("GRU_UPDATES") {
        Ok(updates) => {
            let before = training_part(&series, &settings, &backtest)?;
            Some(trained(&before, &settings, updates.parse()?)?)
        }
        Err(_) => None,
    };
    let report = run(&name, &series, &settings, &backtest, network.as_ref())?;
    if std::env::var_os("BACKTEST_JSON").is_some() {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

/// A network trained on the days before the test.
fn trained(
    before: &Series,
    settings: &ForecastSettings,
    updates: u32,
) -> Result<Arc<Network>, Box<dyn Error>> {
    let started = std::time::Instant::now();
    let mut trainer = Trainer::new(settings, updates, 1)?;
    while !trainer.train(std::slice::from_ref(before), 50) {}
    let network = trainer.best().clone();
    eprintln!(
        "a network of {} weights, {updates} updates in {:.1} s, loss {:.4}",
        network.weights_len(),
        started.elapsed().as_secs_f64(),
        trainer.loss(),
    );
    Ok(Arc::new(network))
}

/// Points of standard input, of one series if the file holds several.
fn read(wanted: Option<&str>) -> Result<Vec<(i64, f64)>, Box<dyn Error>> {
    let mut points = Vec::new();
    for line in stdin().lock().lines().skip(1) {
        let line = line?;
        let fields: Vec<&str> = line.split(',').collect();
        let (Some(at), Some(value)) = (fields.first(), fields.last()) else {
            continue;
        };
        if wanted.is_none() || fields.get(1).copied() == wanted {
            points.push(((at.parse::<f64>()? * 1e3) as i64, value.parse()?));
        }
    }
    Ok(points)
}

fn print(report: &Report) {
    println!(
        "{}: {} origins, {:.0} s bins, {:.0} min ahead; abstained {:.0} %; a push takes {:.1} µs",
        report.series,
        report.origins,
        report.bin_seconds,
        report.horizon_seconds / 60.0,
        100.0 * report.abstained,
        report.push_cpu_us,
    );
    println!(
        "  {:<20} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>8} {:>8}",
        "model", "MASE", "sMAPE", "pl.5", "pl.9", "pl.99", "cov.9", "cov.99", "fit ms", "pred µs"
    );
    for model in &report.models {
        println!(
            "  {:<20} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>8.2} {:>8.2}",
            model.name,
            model.mase,
            model.smape,
            model.pinball.q50,
            model.pinball.q90,
            model.pinball.q99,
            model.coverage.q90,
            model.coverage.q99,
            model.fit_cpu_ms,
            model.predict_cpu_us,
        );
    }
}
