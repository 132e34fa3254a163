//! What comes out of a simulation: the figures of a run here, tables and documents of many below.

pub mod document;
pub mod html;
pub mod table;

use crate::upkeep::Upkeep;
use planner::{Decision, Judgement, Outcome, Trigger};
use serde::{Deserialize, Serialize};

/// The figures of one run, as `simulate --json` prints them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was played.
    pub workload: String,
    /// The seed.
    pub seed: u64,
    /// The policy.
    pub policy: String,
    /// Invocations; retries are not counted.
    pub requests: u64,
    /// Invocations that were refused at least once.
    pub throttled: u64,
    /// Their share.
    pub throttled_share: f64,
    /// Invocations that were still refused after the last retry.
    pub given_up: u64,
    /// Minutes in which somebody was throttled.
    pub overload_minutes: u64,
    /// Partitions, integrated over time.
    pub partition_hours: f64,
    /// The most partitions at any time.
    pub partitions_max: usize,
    /// Partitions at the end.
    pub partitions_end: usize,
    /// Writes that came while a cutover held them: they were served, but later.
    #[serde(default)]
    pub held_writes: u64,
    /// What was paid beside.
    #[serde(default)]
    pub upkeep: Upkeep,
    /// Actions that were carried out.
    pub actions: Actions,
    /// Actions without which the load would have stayed under capacity.
    pub needless_actions: u64,
    /// Lead times of splits made on a forecast: from their end to the crossing they were made for.
    pub lead_seconds: Option<Leads>,
    /// Of the splits without which somebody would have been throttled, the share that finished
    /// before that.
    pub in_time_share: Option<f64>,
    /// The splits behind that share that were in time.
    pub in_time: u64,
    /// And those that were late.
    pub late: u64,
    /// Splits made on a forecast.
    pub preemptive: u64,
    /// Those of them that were needless.
    pub false_alarms: u64,
}

/// Actions by what they did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actions {
    /// More partitions than before.
    pub split: u64,
    /// Fewer.
    pub merge: u64,
    /// As many, with other boundaries.
    pub shift: u64,
    /// A key on its own; not done yet.
    pub isolate: u64,
    /// Another key order; not done yet.
    pub rekey: u64,
    /// Another node; not done yet.
    #[serde(rename = "move")]
    pub moved: u64,
}

/// Quantiles of lead times, in seconds; below zero is too late.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leads {
    /// One in twenty was shorter.
    pub p5: f64,
    /// The median.
    pub p50: f64,
    /// One in twenty was longer.
    pub p95: f64,
}

/// A run: its figures, and every decision with how it turned out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The figures.
    pub report: Report,
    /// The decisions, in order, with their outcomes.
    pub decisions: Vec<(Decision, Outcome)>,
}

impl Run {
    /// Splits made on a forecast that finished before a crossing that would have come without
    /// them.
    pub fn ahead(&self) -> impl Iterator<Item = &(Decision, Outcome)> {
        self.decisions.iter().filter(|(decision, outcome)| {
            decision.action.trigger == Trigger::Forecast
                && !decision.is_merge()
                && outcome.lead_ms.is_some_and(|lead_ms| lead_ms > 0)
        })
    }
}

fn actions(decisions: &[(Decision, Outcome)]) -> Actions {
    let mut actions = Actions::default();
    for (Decision { action, .. }, _) in decisions {
        match action.children().cmp(&action.sources.len()) {
            std::cmp::Ordering::Greater => actions.split += 1,
            std::cmp::Ordering::Less => actions.merge += 1,
            std::cmp::Ordering::Equal => actions.shift += 1,
        }
    }
    actions
}

fn needless(decisions: &[(Decision, Outcome)]) -> u64 {
    let needless = |judgement| matches!(judgement, Judgement::Needless | Judgement::Regretted);
    decisions.iter().filter(|(_, outcome)| needless(outcome.judgement)).count() as u64
}

fn leads(decisions: &[(Decision, Outcome)]) -> Option<Leads> {
    let mut leads: Vec<f64> = decisions
        .iter()
        .filter(|(decision, _)| decision.action.trigger == Trigger::Forecast)
        .filter_map(|(_, outcome)| Some(outcome.lead_ms? as f64 / 1000.0))
        .collect();
    leads.sort_by(f64::total_cmp);
    let last = leads.len().checked_sub(1)?;
    let at = |p: f64| leads[(p * last as f64).round() as usize];
    Some(Leads { p5: at(0.05), p50: at(0.5), p95: at(0.95) })
}

impl Report {
    /// Fills in everything that decisions and their outcomes say.
    pub(crate) fn judge(&mut self, decisions: &[(Decision, Outcome)]) {
        let count = |wanted: &dyn Fn(&Decision, Judgement) -> bool| {
            decisions.iter().filter(|(made, outcome)| wanted(made, outcome.judgement)).count()
                as u64
        };
        let preemptive =
            |made: &Decision| made.action.trigger == Trigger::Forecast && !made.is_merge();
        self.actions = actions(decisions);
        self.needless_actions = needless(decisions);
        self.lead_seconds = leads(decisions);
        self.in_time = count(&|_, judgement| judgement == Judgement::InTime);
        self.late = count(&|_, judgement| judgement == Judgement::Late);
        let judged = self.in_time + self.late;
        self.in_time_share = (judged > 0).then(|| self.in_time as f64 / judged as f64);
        self.preemptive = count(&|made, _| preemptive(made));
        self.false_alarms =
            count(&|made, judgement| preemptive(made) && judgement == Judgement::Needless);
    }
}
