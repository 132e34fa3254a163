//! `foreshard backtest`: how good the forecasts would have been on somebody's own load.
//!
//! Models and scores are the `forecast` crate's; this module reads files, spreads series over the
//! cores, shows progress on stderr and prints a table, a JSON document, a page.

mod input;
mod page;
mod table;

use clap::ArgGroup;
use forecast::anomaly::AnomalySettings;
use forecast::backtest::{
    BacktestSettings, Backtested, crowds, labelled, run as backtest, training_part,
};
use forecast::{ForecastError, ForecastSettings, Network, Series, Trainer};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use workload::WorkloadError;

/// The seed of the recurrent network's first weights.
const NETWORK_SEED: u64 = 1;
/// After how many updates the progress bar moves.
const UPDATES_AT_ONCE: u32 = 25;

/// The heights of the crowds, how many of each, and the seed of their places.
const CROWD_FACTORS: [f64; 3] = [2.0, 3.0, 5.0];
const CROWDS: u32 = 100;
const CROWD_SEED: u64 = 1;
/// The detector looks at minutes.
const CROWD_BIN_MS: i64 = 60_000;

/// What `foreshard backtest` takes.
#[derive(clap::Args, Debug)]
#[command(group = ArgGroup::new("load").required(true).multiple(true).args(["rates", "trace"]))]
pub(crate) struct Args {
    /// Rates files: timestamp_unix_s,requests, or several series: timestamp_unix_s,series,requests
    #[arg(long, value_name = "FILE", num_args = 1..)]
    rates: Vec<PathBuf>,
    /// A key trace, counted: timestamp_unix_s,op,key,size,client
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Of a file with several series, only this one
    #[arg(long, value_name = "NAME")]
    series: Option<String>,
    /// The length of a bin; shorter steps are averaged into it
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = input::milliseconds)]
    bin: i64,
    /// How far ahead to forecast
    #[arg(long, value_name = "TIME", default_value = "60m", value_parser = input::milliseconds)]
    horizon: i64,
    /// Test on so many days at the end, at most half of the series
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
    test_days: u32,
    /// Score every so many origins
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    every: u32,
    /// Also score AutoETS and MSTL, a tenth of a second of CPU for each at each scored origin
    #[arg(long)]
    rivals: bool,
    /// Train the recurrent network on the days before the test of all series, for so many updates
    #[arg(long, value_name = "N", default_value_t = 1_500, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    network_updates: u32,
    /// Instead, put flash crowds into series of one-minute steps and see how soon they are noticed
    #[arg(long, conflicts_with_all = ["bin", "horizon", "rivals", "html", "every", "test_days"])]
    crowds: bool,
    /// Instead, see which labelled anomalies are noticed: file,start_unix_s,end_unix_s,kind; lines whose kind
    /// ends in "window" count, for the rates file of that name
    #[arg(long, value_name = "FILE", conflicts_with_all = ["crowds", "horizon", "rivals", "html", "every", "test_days"])]
    labels: Option<PathBuf>,
    /// Also write a page with forecasts against what came
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON document; of several series, a list
    #[arg(long)]
    json: bool,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BacktestError {
    /// A file cannot be read.
    #[error("backtest: {0}")]
    Workload(#[from] WorkloadError),
    /// A file has nothing that can be tested.
    #[error("backtest: {}: {problem}", path.display())]
    Input {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, and what to change.
        problem: String,
    },
    /// A setting is out of its range, or a series too short.
    #[error("backtest: {series}: {source}")]
    Forecast {
        /// Which series.
        series: String,
        /// What is wrong.
        source: ForecastError,
    },
    /// The page could not be written.
    #[error("backtest: cannot write {}: {source}", path.display())]
    Page {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The document could not be written.
    #[error("backtest: {0}")]
    Json(#[from] serde_json::Error),
}

/// A series with what to call it.
pub(super) struct Named {
    name: String,
    series: Series,
}

/// Tests all series and prints what came of it.
pub(crate) fn run(args: &Args) -> Result<(), BacktestError> {
    if args.crowds {
        return watch(args);
    }
    if let Some(labels) = &args.labels {
        return compare(args, labels);
    }
    let settings = ForecastSettings {
        bin_ms: args.bin,
        horizon_steps: usize::try_from(args.horizon / args.bin.max(1)).unwrap_or(0),
        ..ForecastSettings::default()
    };
    let all = input::read(args, args.bin)?;
    let tested = test(&all, args, &settings)?;
    if let Some(path) = &args.html {
        let page = page::page(&tested)?;
        std::fs::write(path, page)
            .map_err(|source| BacktestError::Page { path: path.clone(), source })?;
    }
    let reports: Vec<_> = tested.iter().map(|tested| &tested.report).collect();
    match (args.json, reports.as_slice()) {
        (true, [report]) => println!("{}", serde_json::to_string(report)?),
        (true, _) => println!("{}", serde_json::to_string(&reports)?),
        (false, _) => print!("{}", table::tables(&reports)),
    }
    Ok(())
}

/// Puts crowds into every series and prints which were noticed.
fn watch(args: &Args) -> Result<(), BacktestError> {
    let mut reports = Vec::new();
    for Named { name, series } in input::read(args, CROWD_BIN_MS)? {
        // A recording may be of a small site: what matters there is not known.
        let settings = AnomalySettings { load_min: 0.0, ..AnomalySettings::default() };
        let report = crowds(&name, &series, &settings, &CROWD_FACTORS, CROWDS, CROWD_SEED);
        let needed = "two days of one-minute steps".to_owned();
        let source = ForecastError::TooShort { method: "watching for crowds", needed };
        reports.push(report.ok_or(BacktestError::Forecast { series: name, source })?);
    }
    match args.json {
        true => println!("{}", serde_json::to_string(&reports)?),
        false => print!("{}", table::crowds(&reports)),
    }
    Ok(())
}

/// Prints which labelled anomalies of every series are noticed, and by whom.
fn compare(args: &Args, path: &Path) -> Result<(), BacktestError> {
    let labels = input::labels(path)?;
    let forecast = ForecastSettings { bin_ms: args.bin, ..ForecastSettings::default() };
    let anomaly = AnomalySettings { load_min: 0.0, ..AnomalySettings::default() };
    let mut reports = Vec::new();
    for Named { name, series } in input::read(args, args.bin)? {
        let its: Vec<_> = labels.iter().filter(|(file, _)| *file == name).map(|it| it.1).collect();
        let found = labelled(&series, &its, &anomaly, &forecast)
            .map_err(|source| BacktestError::Forecast { series: name.clone(), source })?;
        reports.push((name, found));
    }
    match args.json {
        true => println!("{}", serde_json::to_string(&reports)?),
        false => print!("{}", table::labels(&reports)),
    }
    Ok(())
}

/// Tests every series, as many at once as there are cores. The result does not depend on that.
fn test(
    all: &[Named],
    args: &Args,
    settings: &ForecastSettings,
) -> Result<Vec<Backtested>, BacktestError> {
    let asked = BacktestSettings {
        test_days: args.test_days,
        score_every: args.every as usize,
        rivals: args.rivals,
        ..BacktestSettings::default()
    };
    let network = network(all, args, settings, &asked)?;
    let bar = progress(all.len() as u64, "series");
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(all.len()) {
            scope.spawn(|| {
                while let Some(named) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (name, series) = (&named.name, &named.series);
                    let tested = backtest(name, series, settings, &asked, network.as_ref());
                    bar.inc(1);
                    let mut results = results.lock().unwrap_or_else(|broken| broken.into_inner());
                    results.push((name.clone(), tested));
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut results = results.into_inner().unwrap_or_else(|broken| broken.into_inner());
    let place = |name: &str| all.iter().position(|named| named.name == name);
    results.sort_by_key(|(name, _)| place(name));
    let named = |(series, tested): (String, Result<_, _>)| {
        tested.map_err(|source| BacktestError::Forecast { series, source })
    };
    results.into_iter().map(named).collect()
}

/// One network for all series, as the service has it, trained on none of the test days.
fn network(
    all: &[Named],
    args: &Args,
    settings: &ForecastSettings,
    asked: &BacktestSettings,
) -> Result<Option<Arc<Network>>, BacktestError> {
    if args.network_updates == 0 {
        return Ok(None);
    }
    let failed =
        |named: &Named, source| BacktestError::Forecast { series: named.name.clone(), source };
    let before = |named: &Named| {
        training_part(&named.series, settings, asked).map_err(|source| failed(named, source))
    };
    let known = all.iter().map(before).collect::<Result<Vec<_>, _>>()?;
    let trainer = Trainer::new(settings, args.network_updates, NETWORK_SEED);
    let mut trainer = trainer.map_err(|source| failed(&all[0], source))?;
    let bar = progress(u64::from(args.network_updates), "updates of the network");
    while !trainer.train(&known, UPDATES_AT_ONCE) {
        bar.inc(u64::from(UPDATES_AT_ONCE));
    }
    bar.finish_and_clear();
    Ok(Some(Arc::new(trainer.best().clone())))
}

/// A bar on stderr; nothing if that is no terminal.
fn progress(len: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(len);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.with_message(what)
}
