//! `foreshard simulate`: policies on a virtual clock, as tables or as one JSON document.
//!
//! Everything that is worked out is the `simulator` crate's; this module reads the command line, shows
//! progress on stderr and prints.

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use simulator::evaluate::{CaseResult, Plan, Source, costs, evaluate};
use simulator::minutes::PlaySettings;
use simulator::policies::PolicyName;
use simulator::recording::{Recording, Span};
use simulator::report::document::Document;
use simulator::report::html;
use simulator::report::table::{GroupBy, tables};
use simulator::workloads;
use simulator::{MeasuredCosts, SimulatorError};
use std::path::PathBuf;

const DAY_MS: f64 = 86_400_000.0;

/// What is played: one file, or generated workloads.
#[derive(clap::Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Load {
    /// A key trace: timestamp_unix_s (or seq),op,key,size,client as CSV or CSV.gz
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// A rates file: timestamp_unix_s,requests
    #[arg(long, value_name = "FILE")]
    rates: Option<PathBuf>,
    /// What `foreshard workload export` wrote of a service's table
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// A generated workload, a comma-separated list of them, or `all`
    #[arg(long, value_name = "NAME", value_parser = sources)]
    workload: Option<Sources>,
}

impl Load {
    /// Where it comes from; `span` says what of a file is played.
    pub(crate) fn sources(&self, span: Span) -> Vec<Source> {
        let files = [
            self.trace.clone().map(Recording::Trace),
            self.rates.clone().map(Recording::Rates),
            self.matrix.clone().map(Recording::Matrix),
        ];
        let file = files.into_iter().flatten().next().map(|file| Source::Recorded(file, span));
        let generated = self.workload.clone().map_or_else(Vec::new, |sources| sources.0);
        file.map_or(generated, |file| vec![file])
    }
}

/// What of a file is played, if so many days of it are history.
pub(crate) fn span(days_max: i64, history_days: Option<f64>) -> Span {
    Span { days_max, history_ms: history_days.map(|days| (days * DAY_MS) as i64) }
}

/// What `foreshard simulate` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    load: Load,
    /// Policies, comma-separated; `standard` and `all` (ours also with parts switched off) are lists
    #[arg(long, value_name = "LIST", default_value = "standard", value_parser = policies)]
    policy: Policies,
    /// Play so many seeds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    first_seed: u64,
    /// Of a file, play at most this many days
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(i64).range(1..=366))]
    days: i64,
    /// Of a file, so many days are history, which forecasts are made from; half of it and at most four
    /// weeks if not given
    #[arg(long, value_name = "DAYS")]
    history_days: Option<f64>,
    /// What actions cost, as `foreshard bench costs` writes it [default: the copy that comes with the program]
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    /// Every action takes so long, whatever was measured
    #[arg(long, value_name = "S")]
    action_seconds: Option<f64>,
    /// How many seconds of unused capacity a partition keeps
    #[arg(long, value_name = "S", default_value_t = planner::BURST_S)]
    burst_seconds: f64,
    /// One table per stratum or per workload
    #[arg(long, value_enum, default_value_t = By::Stratum)]
    by: By,
    /// Instead of figures, print what predicting spares by action length, with the break-even
    #[arg(long, conflicts_with_all = ["json", "html"])]
    break_even: bool,
    /// Also write a page about the first workload with the first seed
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Keep results in this directory, and play only what is not there: whatever was broken off goes on
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
    /// Threads; as many as there are cores if not given
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Stratum,
    Workload,
}

/// Lists that one option holds; clap would take a bare `Vec` for an option that is repeated.
#[derive(Clone, Debug)]
struct Sources(Vec<Source>);
#[derive(Clone, Debug)]
struct Policies(Vec<PolicyName>);

fn policies(text: &str) -> Result<Policies, String> {
    PolicyName::list(text).map(Policies)
}

fn sources(text: &str) -> Result<Sources, String> {
    if text == "all" {
        return Ok(Sources(workloads::ALL.iter().map(Source::Generated).collect()));
    }
    let one = |name: &str| {
        workloads::find(name).map(Source::Generated).ok_or_else(|| {
            let known: Vec<&str> = workloads::ALL.iter().map(|known| known.name).collect();
            format!("no workload `{name}`; there are {}, all", known.join(", "))
        })
    };
    text.split(',').map(|name| one(name.trim())).collect::<Result<_, _>>().map(Sources)
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulateError {
    /// A file cannot be read, or a setting is out of its range.
    #[error("simulate: {0}")]
    Simulator(#[from] SimulatorError),
    /// The page could not be written.
    #[error("simulate: cannot write {}: {source}", path.display())]
    Page {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The document could not be written.
    #[error("simulate: {0}")]
    Json(#[from] serde_json::Error),
}

/// Plays everything and prints what came of it.
pub(crate) fn run(args: Args) -> Result<(), SimulateError> {
    let plan = args.plan()?;
    let by = match args.by {
        By::Stratum => GroupBy::Stratum,
        By::Workload => GroupBy::Workload,
    };
    if args.break_even {
        let bar = progress(plan.runs() * costs::tried(plan.settings.action).len());
        let swept = costs::sweep(&plan, &|| bar.inc(1));
        bar.finish_and_clear();
        print!("{}", costs::table(&swept?, &plan.policies, by));
        return Ok(());
    }
    if let (Some(path), Some(source)) = (&args.html, plan.sources.first()) {
        let case = source.case(plan.first_seed)?;
        let bar = progress(plan.policies.len() + 1);
        let page = html::page(&case, &plan.policies, &plan.settings, || bar.inc(1));
        bar.finish_and_clear();
        std::fs::write(path, page?)
            .map_err(|source| SimulateError::Page { path: path.clone(), source })?;
    }
    let results = play(&plan)?;
    if args.json {
        println!("{}", serde_json::to_string(&Document::new(&results))?);
    } else {
        print!("{}", tables(&results, &plan.policies, by));
    }
    Ok(())
}

impl Args {
    fn plan(&self) -> Result<Plan, SimulatorError> {
        let sources = self.load.sources(span(self.days, self.history_days));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut settings = PlaySettings { burst_s: self.burst_seconds, ..PlaySettings::default() };
        if let Some(path) = &self.costs {
            let costs = MeasuredCosts::read(path)?;
            (settings.action, settings.upkeep) = (costs.action(), costs.upkeep());
        }
        if let Some(seconds) = self.action_seconds {
            settings.action = settings.action.lasting((seconds * 1000.0) as i64);
        }
        Ok(Plan {
            sources,
            first_seed: self.first_seed,
            seeds: self.seeds,
            policies: self.policy.0.clone(),
            settings,
            threads: self.threads.unwrap_or(cores),
            keep: self.resume.clone(),
        })
    }
}

fn play(plan: &Plan) -> Result<Vec<CaseResult>, SimulateError> {
    let bar = progress(plan.runs());
    let results = evaluate(plan, &|| bar.inc(1));
    bar.finish_and_clear();
    Ok(results?)
}

/// A bar on stderr; nothing if that is no terminal.
fn progress(runs: usize) -> ProgressBar {
    let bar = ProgressBar::new(runs as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
