//! What `foreshard tune --compare` prints, without building the store, and what training costs.
//!
//! `cargo run --release -p simulator --example tune -- WORKLOADS|rates:FILE[,FILE …] [SEEDS [DAYS [FIRST]]]`
//!
//! With `PRICES` in the environment (JSON, such as `{"throttled_request":0.01}`) other prices hold, with
//! `RESUME=DIR` results are kept there and what is there is not played again, with `JSON=FILE` all are
//! written there in the end. The CPU seconds of each case go to stderr.

use simulator::evaluate::Source;
use simulator::minutes::PlaySettings;
use simulator::recording::{Recording, Span};
use simulator::tuning::{TrainSettings, compare_kept, table};
use simulator::workloads;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |at: usize, default: &str| {
        arguments.get(at).cloned().unwrap_or_else(|| default.to_string())
    };
    let (seeds, days): (u64, usize) = (given(1, "1").parse()?, given(2, "7").parse()?);
    let first: u64 = given(3, "1").parse()?;
    let mut training = TrainSettings::default();
    if let Ok(prices) = std::env::var("PRICES") {
        training.prices = serde_json::from_str(&prices)?;
    }
    let keep: Option<PathBuf> = std::env::var_os("RESUME").map(Into::into);
    let mut compared = Vec::new();
    for source in sources(&given(0, "diurnal")) {
        for seed in first..first + seeds {
            let marks = std::sync::Mutex::new(vec![cpu_seconds()?]);
            let done = || {
                if let (Ok(mut marks), Ok(now)) = (marks.lock(), cpu_seconds()) {
                    marks.push(now);
                }
            };
            let settings = PlaySettings::default();
            let which = (&source, seed);
            let result = compare_kept(which, &settings, &training, days, keep.as_deref(), &done);
            let marks = marks.into_inner().unwrap_or_default();
            let seconds: Vec<String> =
                marks.windows(2).map(|pair| format!("{:.1}", pair[1] - pair[0])).collect();
            match result {
                Ok(result) => {
                    eprintln!(
                        "{} {seed}: {} s of CPU (training, grid, judging), {} forecasters, expected {:?} grid {:.4}",
                        result.workload,
                        seconds.join(", "),
                        result.forecasters,
                        result.expected,
                        result.expected_grid
                    );
                    compared.push(result);
                }
                Err(error) => eprintln!("{} {seed}: {error}", source.name()),
            }
        }
    }
    print!("{}", table(&compared));
    if let Some(file) = std::env::var_os("JSON") {
        std::fs::write(file, serde_json::to_string(&compared)?)?;
    }
    Ok(())
}

fn sources(names: &str) -> Vec<Source> {
    if let Some(files) = names.strip_prefix("rates:") {
        let span = Span { days_max: 14, history_ms: None };
        let recorded = |file: &str| Source::Recorded(Recording::Rates(file.into()), span);
        return files.split(',').map(recorded).collect();
    }
    let wanted = |name: &str| names == "all" || names.split(',').any(|given| given == name);
    let found = workloads::ALL.iter().filter(|generator| wanted(generator.name));
    found.map(Source::Generated).collect()
}

/// The CPU time of this thread: what others do on the machine is no part of it.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
