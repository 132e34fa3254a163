//! Every policy on every case, and what to make of it.
//!
//! A *case* is a workload with a seed. Cases are independent, so they are shared out among threads;
//! within a case, all policies share one bank of forecasts, and the tuned rival's grid is played once
//! and is the curve that "at equal cost" refers to. Results come out in the order of the plan, whoever
//! finished first. [`statistics`] sums them up with intervals. With a directory for them, results are kept
//! as they come, and a plan that is carried out again only plays what is missing (`kept`).

pub mod costs;
mod kept;
pub mod statistics;

use crate::case::Case;
use crate::error::SimulatorError;
use crate::minutes::{Bank, PlaySettings, Played};
use crate::policies::{self, Curve, PolicyName};
use crate::recording::{Recording, Span};
use crate::report::Report;
use crate::workloads::{Generator, Stratum};
use kept::About;
pub(crate) use kept::Shelf;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is played.
#[derive(Clone, Debug)]
pub enum Source {
    /// A generated workload.
    Generated(&'static Generator),
    /// A file, and what of it is played.
    Recorded(Recording, Span),
}

impl Source {
    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Self::Generated(generator) => generator.name.into(),
            Self::Recorded(recording, _) => recording.name(),
        }
    }

    /// The case with this seed.
    pub fn case(&self, seed: u64) -> Result<Case, SimulatorError> {
        match self {
            Self::Generated(generator) => Ok(Case::generated(generator, seed)),
            Self::Recorded(recording, span) => {
                Case::recorded(recording.name(), seed, recording.read(seed, *span)?, *span)
            }
        }
    }
}

/// Everything that is to be played.
#[derive(Clone, Debug)]
pub struct Plan {
    /// On what.
    pub sources: Vec<Source>,
    /// The first seed.
    pub first_seed: u64,
    /// How many, from there on.
    pub seeds: u64,
    /// By whom.
    pub policies: Vec<PolicyName>,
    /// How.
    pub settings: PlaySettings,
    /// On how many threads.
    pub threads: usize,
    /// Where results are kept, and taken from where they are there already.
    pub keep: Option<PathBuf>,
}

impl Plan {
    /// How many runs that is, the tuned rival's grid counted as one.
    pub fn runs(&self) -> usize {
        self.sources.len() * self.seeds as usize * (self.policies.len() + 1)
    }
}

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// The workload.
    pub workload: String,
    /// Its kind.
    pub stratum: Stratum,
    /// The seed.
    pub seed: u64,
    /// How many hours were played.
    pub hours: f64,
    /// One report per policy, in the plan's order.
    pub runs: Vec<Report>,
    /// What reacting can buy here.
    pub curve: Curve,
}

impl CaseResult {
    /// A policy's report.
    pub fn of(&self, policy: PolicyName) -> Option<&Report> {
        self.runs.iter().find(|report| report.policy == policy.name())
    }
}

/// Plays one case with every policy; `done` hears of each run, the grid first.
pub fn play_case(
    case: &Case,
    policies: &[PolicyName],
    settings: &PlaySettings,
    mut done: impl FnMut(Option<(PolicyName, &Played)>),
) -> Result<CaseResult, SimulatorError> {
    let bank = Bank::new(&case.matrix, case.start_ms, &settings.controller)?;
    let curve = policies::curve(case, settings, &bank)?;
    done(None);
    let mut runs = Vec::with_capacity(policies.len());
    for &policy in policies {
        let played = policies::run(policy, case, settings, &bank, &curve)?;
        done(Some((policy, &played)));
        runs.push(played.run.report);
    }
    Ok(About::of(case, curve).result(runs))
}

/// The same, but nothing is played that is on the shelf, and what is played is put there.
fn complete_case(
    source: &Source,
    seed: u64,
    plan: &Plan,
    shelf: &Shelf,
    done: &(dyn Fn() + Sync),
) -> Result<CaseResult, SimulatorError> {
    let about = shelf.about()?;
    let found = plan.policies.iter().map(|&policy| shelf.report(policy));
    let mut found: Vec<Option<Report>> = found.collect::<Result<_, _>>()?;
    if let (Some(about), true) = (&about, found.iter().all(Option::is_some)) {
        (0..=plan.policies.len()).for_each(|_| done());
        return Ok(about.clone().result(found.into_iter().flatten().collect()));
    }
    let case = source.case(seed)?;
    let bank = Bank::new(&case.matrix, case.start_ms, &plan.settings.controller)?;
    let about = match about {
        Some(about) => about,
        None => {
            let about = About::of(&case, policies::curve(&case, &plan.settings, &bank)?);
            shelf.put_about(&about)?;
            about
        }
    };
    done();
    for (&policy, report) in plan.policies.iter().zip(&mut found) {
        if report.is_none() {
            let played = policies::run(policy, &case, &plan.settings, &bank, &about.curve)?;
            shelf.put_report(policy, &played.run.report)?;
            *report = Some(played.run.report);
        }
        done();
    }
    Ok(about.result(found.into_iter().flatten().collect()))
}

fn one_case(
    source: &Source,
    seed: u64,
    plan: &Plan,
    done: &(dyn Fn() + Sync),
) -> Result<CaseResult, SimulatorError> {
    if let Some(directory) = &plan.keep {
        let shelf = Shelf::open(directory, source, seed, &plan.settings)?;
        return complete_case(source, seed, plan, &shelf, done);
    }
    play_case(&source.case(seed)?, &plan.policies, &plan.settings, |_| done())
}

/// Carries out a plan. `done` is called after each run, from any thread.
pub fn evaluate(plan: &Plan, done: &(dyn Fn() + Sync)) -> Result<Vec<CaseResult>, SimulatorError> {
    let jobs: Vec<(&Source, u64)> = plan
        .sources
        .iter()
        .flat_map(|source| (0..plan.seeds).map(move |number| (source, plan.first_seed + number)))
        .collect();
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<CaseResult, SimulatorError>>>> =
        jobs.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while let Some((job, &(source, seed))) = {
            let job = next.fetch_add(1, Ordering::Relaxed);
            jobs.get(job).map(|found| (job, found))
        } {
            let result = one_case(source, seed, plan, done);
            *results[job].lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..plan.threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    let result = |slot: Mutex<Option<_>>| {
        let found = slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        found.unwrap_or(Err(SimulatorError::NoEvents("were played")))
    };
    results.into_iter().map(result).collect()
}

#[cfg(test)]
mod tests;
