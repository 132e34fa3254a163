//! Defaults, grid search, the learner and the oracle on days that nobody was trained on.
//!
//! Trained on the case's history, judged on what is played of it. Intervals are percentile bootstraps over
//! the days of all cases of a row (days of one week resemble each other, so they are on the narrow
//! side); a saving is a ratio of sums, against what the defaults cost on the same days.

use super::days::{DAY_MS, Days};
use super::train::{Trained, grid, train};
use super::{TrainSettings, frugal};
use crate::case::Case;
use crate::error::SimulatorError;
use crate::evaluate::{Shelf, Source};
use crate::minutes::{PlaySettings, Session, Sight};
use crate::policies::Oracle;
use crate::random::Random;
use crate::workloads::Stratum;
use planner::tuning::{DayCost, Thresholds};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::Path;

/// How often days are drawn anew for an interval.
const RESAMPLES: u64 = 1_000;

/// How one of them did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `defaults`, `grid`, `learner`, `learner-by-context` or `oracle`.
    pub name: String,
    /// What it had in force on the first day; the oracle has nothing.
    pub thresholds: Option<Thresholds>,
    /// What happened, by the day.
    pub days: Vec<DayCost>,
    /// The same in the currency of the prices.
    pub costs: Vec<f64>,
}

/// All of them on one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The workload.
    pub workload: String,
    /// Its kind.
    pub stratum: Stratum,
    /// Its seed.
    pub seed: u64,
    /// Days that were played in training, by the learner and by the grid alike.
    pub days_played: u32,
    /// Whether the learner's choices depend on the context.
    pub contextual: bool,
    /// What the learner expected to save, and the 95 % lower bound of it.
    pub expected: (f64, f64),
    /// What the grid expected to save.
    pub expected_grid: f64,
    /// CPU-independent size of the training: forecasters built.
    pub forecasters: usize,
    /// The rows.
    pub rows: Vec<Row>,
}

/// Trains on the case's history and plays what comes after it, at most `days_max` days.
///
/// # Errors
/// If there is too little history, or a setting is out of its range.
pub fn compare(
    case: &Case,
    settings: &PlaySettings,
    training: &TrainSettings,
    days_max: usize,
    done: &(dyn Fn() + Sync),
) -> Result<Compared, SimulatorError> {
    let settings = frugal(settings);
    let before = Days::before(case, training.days, settings.clone())?;
    let trained = train(&before, training)?;
    let forecasters = before.bank().forecasters();
    done();
    let (best, expected_grid) = grid(&before, training)?;
    done();
    drop(before);
    let end_ms = case.end_ms.min(case.start_ms + days_max as i64 * DAY_MS);
    let later = Days::new(Case { end_ms, ..case.clone() }, settings)?;
    let rows = rows(&later, training, &trained, best)?;
    done();
    Ok(Compared {
        workload: case.workload.clone(),
        stratum: case.stratum,
        seed: case.seed,
        days_played: trained.days_played,
        contextual: trained.contextual,
        expected: (trained.saving.mean, trained.saving.lower()),
        expected_grid,
        forecasters,
        rows,
    })
}

/// The same of a source and a seed, taken from the directory if it is there already, and put there.
///
/// # Errors
/// If there is too little history, a setting is out of its range, or the directory cannot be used.
pub fn compare_kept(
    (source, seed): (&Source, u64),
    settings: &PlaySettings,
    training: &TrainSettings,
    days_max: usize,
    keep: Option<&Path>,
    done: &(dyn Fn() + Sync),
) -> Result<Compared, SimulatorError> {
    let compare = || compare(&source.case(seed)?, settings, training, days_max, done);
    let Some(directory) = keep else { return compare() };
    let shelf = Shelf::open(directory, source, seed, settings)?;
    let what = format!("tune {}", serde_json::to_string(&(training, days_max))?);
    if let Some(compared) = shelf.get(&what)? {
        return Ok(compared);
    }
    let compared = compare()?;
    shelf.put(&what, &compared)?;
    Ok(compared)
}

fn rows(
    later: &Days,
    training: &TrainSettings,
    trained: &Trained,
    grid: Thresholds,
) -> Result<Vec<Row>, SimulatorError> {
    let base = training.pins.applied_to(later.base());
    let row = |name: &str, thresholds: Option<Thresholds>, days: Vec<DayCost>| Row {
        name: name.into(),
        thresholds,
        costs: later.priced(&days, &training.prices),
        days,
    };
    let fixed = |name: &str, thresholds: Thresholds| {
        Ok::<_, SimulatorError>(row(name, Some(thresholds), later.play(|_, _| thresholds)?))
    };
    let first = later.contexts().first().copied().unwrap_or_default();
    let learnt = later.play(|_, context| trained.choose(context))?;
    let by_context = later.play(|_, context| trained.by_context(context))?;
    Ok(vec![
        fixed("defaults", base)?,
        fixed("grid", grid)?,
        row("learner", Some(trained.choose(&first)), learnt),
        row("learner-by-context", Some(trained.by_context(&first)), by_context),
        row("oracle", None, oracle(later)?),
    ])
}

/// What somebody pays who knows what comes.
fn oracle(days: &Days) -> Result<Vec<DayCost>, SimulatorError> {
    let (case, settings) = (days.case(), days.settings());
    let policy = Oracle::new(case, days.bank().bins(), settings.action.duration_ms);
    let initial = policy.initial();
    let mut session =
        Session::start(case, &initial, settings, days.bank(), Sight::Present, policy)?;
    let mut before = DayCost::default();
    let each = (1..=days.contexts().len()).map(|day| {
        session.play_until(case.start_ms + day as i64 * DAY_MS);
        let until_now = session.so_far();
        let cost = until_now - before;
        before = until_now;
        cost
    });
    Ok(each.collect())
}

/// One line per workload and policy, then per stratum, if there are several workloads of it; cases are
/// taken together, each alike.
pub fn table(compared: &[Compared]) -> String {
    let mut text = String::from(
        "| workload | policy | cost a day | saves against defaults [95 %] | throttled a day | partitions | thresholds of the first case |\n|---|---|---|---|---|---|---|\n",
    );
    let mut workloads: Vec<&str> = Vec::new();
    for case in compared {
        if !workloads.contains(&case.workload.as_str()) {
            workloads.push(&case.workload);
        }
    }
    let mut group = |name: &str, of: &dyn Fn(&Compared) -> bool| {
        lines(&mut text, name, &compared.iter().filter(|case| of(case)).collect::<Vec<_>>());
    };
    for workload in &workloads {
        group(workload, &|case| case.workload == *workload);
    }
    if workloads.len() > 1 {
        for stratum in Stratum::ALL {
            group(&format!("all {}", stratum.name()), &|case| case.stratum == stratum);
        }
        group("all, each case alike", &|_| true);
    }
    text
}

fn lines(text: &mut String, workload: &str, cases: &[&Compared]) {
    let Some(first) = cases.first() else { return };
    for (at, row) in first.rows.iter().enumerate() {
        // Costs as shares of what the defaults' mean day costs, so that each case counts alike.
        let mut pairs = Vec::new();
        let mut sum = DayCost::default();
        for case in cases {
            let defaults = &case.rows[0].costs;
            let mean = defaults.iter().sum::<f64>() / defaults.len().max(1) as f64;
            let share = |cost: f64| if mean > 0.0 { cost / mean } else { 0.0 };
            let both = defaults.iter().zip(&case.rows[at].costs);
            pairs.extend(both.map(|(base, cost)| (share(*base), share(*cost))));
            for day in &case.rows[at].days {
                sum = DayCost {
                    throttled: sum.throttled + day.throttled,
                    partition_hours: sum.partition_hours + day.partition_hours,
                    ..sum
                };
            }
        }
        let days = pairs.len().max(1) as f64;
        let cost: f64 = cases.iter().flat_map(|case| &case.rows[at].costs).sum();
        let (low, high) = interval(&pairs);
        let base = first.rows[0].thresholds;
        let which = row.thresholds.zip(base).map_or_else(String::new, |(t, b)| t.difference(b));
        // A string takes all that is written to it.
        let _ = writeln!(
            text,
            "| {workload} | {} | {:.4} | {:.1} % [{:.1}, {:.1}] | {:.1} | {:.2} | {which} |",
            row.name,
            cost / days,
            100.0 * saving(&pairs),
            100.0 * low,
            100.0 * high,
            sum.throttled / days,
            sum.partition_hours / days / 24.0,
        );
    }
}

fn saving(pairs: &[(f64, f64)]) -> f64 {
    let (base, cost) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    if base > 0.0 { 1.0 - cost / base } else { 0.0 }
}

fn interval(pairs: &[(f64, f64)]) -> (f64, f64) {
    if pairs.is_empty() {
        return (0.0, 0.0);
    }
    let random = Random::new(0x7475_6e65);
    let resample = |number: u64| {
        let random = random.of(number);
        let draw = |i: usize| pairs[random.of(i as u64).below(pairs.len() as u64) as usize];
        saving(&(0..pairs.len()).map(draw).collect::<Vec<_>>())
    };
    let mut drawn: Vec<f64> = (0..RESAMPLES).map(resample).collect();
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| drawn[(share * (drawn.len() - 1) as f64).round() as usize];
    (at(0.025), at(0.975))
}
