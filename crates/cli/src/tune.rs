//! `foreshard tune`: thresholds learnt from recorded or generated load, beside those of a grid search.
//!
//! What is learnt and how it is judged is `simulator::tuning`'s; this module reads the command line and
//! prints. A running service learns by itself: `foreshard tuning` shows what.

use planner::tuning::{Pins, Prices, Thresholds};
use serde_json::json;
use simulator::evaluate::Source;
use simulator::minutes::PlaySettings;
use simulator::tuning::{Days, TrainSettings, compare_kept, frugal, table, train};
use simulator::{MeasuredCosts, SimulatorError};
use std::path::PathBuf;

use crate::simulate::{Load, span};

/// What `foreshard tune` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    load: Load,
    /// Also play the days after the history: defaults, grid search, what was learnt, and who knows all
    #[arg(long)]
    compare: bool,
    /// Play so many seeds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    first_seed: u64,
    /// Judge on at most this many days
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(i64).range(1..=366))]
    days: i64,
    /// Learn from this many of the last days of history
    #[arg(long, value_name = "DAYS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(3..=28))]
    train_days: u16,
    /// Of a file, so many days are history; half of it and at most four weeks if not given
    #[arg(long, value_name = "DAYS")]
    history_days: Option<f64>,
    /// The price of one throttled request
    #[arg(long, value_name = "PRICE", default_value_t = Prices::default().throttled_request)]
    price_throttled_request: f64,
    /// The price of one hour of a partition of 1,000 write or 3,000 read units; smaller ones in proportion
    #[arg(long, value_name = "PRICE", default_value_t = Prices::default().partition_hour)]
    price_partition_hour: f64,
    /// What actions cost, as `foreshard bench costs` writes it [default: measured on our machine]
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    /// Keep what is compared in this directory, and do not play again what is there already
    #[arg(long, value_name = "DIR", requires = "compare")]
    resume: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TuneError {
    /// A file cannot be read, there is too little of it, or a setting is out of its range.
    #[error("tune: {0}")]
    Simulator(#[from] SimulatorError),
    /// The document could not be written.
    #[error("tune: {0}")]
    Json(#[from] serde_json::Error),
}

/// Learns, and prints what came of it.
pub(crate) fn run(args: &Args) -> Result<(), TuneError> {
    let mut play = PlaySettings::default();
    if let Some(path) = &args.costs {
        play.action = MeasuredCosts::read(path)?.action();
    }
    let prices = Prices {
        throttled_request: args.price_throttled_request,
        partition_hour: args.price_partition_hour,
        ..Prices::default()
    };
    let training = TrainSettings {
        days: usize::from(args.train_days),
        prices,
        pins: Pins::default(),
        ..TrainSettings::default()
    };
    let sources = args.load.sources(span(args.days, args.history_days));
    let cases = sources.into_iter().flat_map(|source| {
        (0..args.seeds).map(move |number| (source.clone(), args.first_seed + number))
    });
    if !args.compare {
        return cases
            .into_iter()
            .try_for_each(|(source, seed)| learn(&source, seed, &play, &training, args.json));
    }
    let mut compared = Vec::new();
    let (days, keep) = (args.days as usize, args.resume.as_deref());
    for (source, seed) in cases {
        let which = (&source, seed);
        compared.push(compare_kept(which, &play, &training, days, keep, &|| ())?);
    }
    if args.json {
        println!("{}", serde_json::to_string(&json!({ "cases": compared }))?);
    } else {
        print!("{}", table(&compared));
    }
    Ok(())
}

/// What is learnt of one case's history.
fn learn(
    source: &Source,
    seed: u64,
    play: &PlaySettings,
    training: &TrainSettings,
    json: bool,
) -> Result<(), TuneError> {
    let case = source.case(seed)?;
    let days = Days::before(&case, training.days, frugal(play))?;
    let trained = train(&days, training)?;
    let context = days.coming();
    let (own, learnt) = (days.base(), trained.choose(&context));
    if json {
        let proposal = trained.proposal(context);
        let document = json!({
            "workload": case.workload,
            "seed": seed,
            "own": own,
            "contextual": trained.contextual,
            "proposal": proposal,
        });
        println!("{document}");
        return Ok(());
    }
    print_learnt(&case.workload, own, learnt, &trained);
    Ok(())
}

fn print_learnt(
    workload: &str,
    own: Thresholds,
    learnt: Thresholds,
    trained: &simulator::tuning::Trained,
) {
    let saving = &trained.saving;
    println!(
        "{workload}: {}; saves {:.1} % of the cost, at least {:.1} % with 95 % confidence, after {} played days",
        learnt.difference(own),
        saving.mean * 100.0,
        saving.lower() * 100.0,
        trained.days_played
    );
}
