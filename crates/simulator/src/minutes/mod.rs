//! Playing a load matrix against a policy, minute by minute: weeks in a second.
//!
//! The other player ([`crate::simulation`]) sends every request through the service's own collector and
//! controller; this one lets load flow (`table`) and makes the policies' views of the matrix
//! (`watch`), with forecasts that all policies of a case share ([`Bank`]). Policies, score, slicing,
//! forecasters and the judgement of decisions are the service's code in both.
//!
//! A policy looks one second into every minute, again ten seconds into it while somebody is nearly
//! full, when burst credit is about to run out, and a second after each action. Actions of a plan are carried out one after the other; the
//! old partitions serve until each is finished, the new ones begin with cold caches.

mod bank;
mod past;
mod shares;
mod table;
mod tally;
mod watch;

pub use bank::{Bank, HistoryBins};
pub use shares::StepShares;
pub use watch::Sight;

use crate::case::Case;
use crate::costs::MeasuredCosts;
use crate::error::SimulatorError;
use crate::matrix::{CELLS, MINUTE_MS, cells_of_range};
use crate::report::{Report, Run};
use crate::upkeep::{Upkeep, UpkeepCosts};
use forecast::Quantile;
use planner::tuning::DayCost;
use planner::{Action, ControllerSettings, Decision, PlannerSettings, Policy, decision, load};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::Range;
use table::{Table, Terms};
use tally::Tally;
use watch::Watch;

/// When in a minute a policy looks.
const LOOK_MS: i64 = 1_000;
/// And again, while somebody is nearly full: what asks for ten seconds above a threshold.
const LOOK_AGAIN_MS: i64 = 10_000;
/// The most looks within one minute: whoever acts this often has lost control.
const LOOKS_PER_MINUTE_MAX: usize = 16;

/// What acting does to a table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActionCosts {
    /// From the decision until the new partitions serve.
    pub duration_ms: i64,
    /// The same of a merge.
    pub merge_ms: i64,
    /// At its end, for how long writes to the partitions are held.
    pub pause_ms: f64,
    /// The same of a merge.
    pub merge_pause_ms: f64,
    /// For how long new partitions serve less.
    pub cold_ms: i64,
    /// What they serve meanwhile, as a share of capacity.
    pub cold_capacity: f64,
}

impl Default for ActionCosts {
    /// As measured when this program was made.
    fn default() -> Self {
        MeasuredCosts::embedded().action()
    }
}

impl ActionCosts {
    /// The same, but every action takes so long, and what it leaves cold is cold for at least as long.
    pub fn lasting(self, duration_ms: i64) -> Self {
        let cold_ms = self.cold_ms.max(duration_ms);
        Self { duration_ms, merge_ms: duration_ms, cold_ms, ..self }
    }

    fn of(&self, action: &Action) -> (i64, f64) {
        match action.children() < action.sources.len() {
            true => (self.merge_ms, self.merge_pause_ms),
            false => (self.duration_ms, self.pause_ms),
        }
    }
}

/// How cases are played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaySettings {
    /// What acting costs.
    pub action: ActionCosts,
    /// What is paid beside, for the report.
    pub upkeep: UpkeepCosts,
    /// How many seconds of unused capacity are kept.
    pub burst_s: f64,
    /// Attempts per invocation, the first included (3 in the AWS SDKs' standard mode).
    pub attempts_max: u32,
    /// What our planner is told, but for how long an action takes; decisions are judged by its merges.
    pub planner: PlannerSettings,
    /// How tables are watched: score interval, forecasts, shares.
    pub controller: ControllerSettings,
}

impl Default for PlaySettings {
    fn default() -> Self {
        Self {
            action: ActionCosts::default(),
            upkeep: UpkeepCosts::default(),
            burst_s: planner::BURST_S,
            attempts_max: 3,
            planner: PlannerSettings::default(),
            controller: ControllerSettings::default(),
        }
    }
}

impl PlaySettings {
    fn check(&self) -> Result<(), SimulatorError> {
        self.controller.validate()?;
        let check = |ok: bool, name, value: String, expected| {
            if ok { Ok(()) } else { Err(SimulatorError::Setting { name, value, expected }) }
        };
        let action = &self.action;
        let duration_ms = action.duration_ms;
        check(duration_ms >= 0, "action.duration_ms", duration_ms.to_string(), "0 or more")?;
        let merge_ms = action.merge_ms;
        check(merge_ms >= 0, "action.merge_ms", merge_ms.to_string(), "0 or more")?;
        let cold = action.cold_capacity;
        let is_share = cold > 0.0 && cold <= 1.0;
        check(is_share, "action.cold_capacity", cold.to_string(), "above 0 and at most 1")?;
        let burst_s = self.burst_s;
        check(burst_s >= 1.0, "burst_s", burst_s.to_string(), "at least 1")?;
        check(self.attempts_max > 0, "attempts_max", "0".into(), "at least 1")
    }
}

/// A run with what a picture of it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// Figures and decisions.
    pub run: Run,
    /// The partitions' first cells from each moment on at which they changed.
    pub divisions: Vec<(i64, Vec<usize>)>,
    /// Throttled invocations in each hour that was played.
    pub throttled_hourly: Vec<f64>,
}

/// Plays `case` against `policy`, beginning with the partitions `initial`.
pub fn play<P: Policy>(
    case: &Case,
    initial: &[Range<usize>],
    settings: &PlaySettings,
    bank: &Bank,
    sight: Sight,
    policy: P,
) -> Result<Played, SimulatorError> {
    let mut session = Session::start(case, initial, settings, bank, sight, policy)?;
    session.play_until(case.end_ms);
    Ok(session.finish())
}

/// An action that is being carried out.
struct Running {
    finished_ms: i64,
    decision: usize,
}

/// A case that is being played, for those who look in between.
pub struct Session<'a, P> {
    case: &'a Case,
    settings: &'a PlaySettings,
    bank: &'a Bank,
    policy: P,
    table: Table,
    watch: Watch<'a>,
    running: VecDeque<Running>,
    /// Every decision, and when its action was finished.
    decisions: Vec<(Decision, Option<i64>)>,
    tally: Tally,
    next_minute: usize,
}

impl<'a, P: Policy> Session<'a, P> {
    /// As [`play`], but nothing is played yet.
    pub fn start(
        case: &'a Case,
        initial: &[Range<usize>],
        settings: &'a PlaySettings,
        bank: &'a Bank,
        sight: Sight,
        policy: P,
    ) -> Result<Self, SimulatorError> {
        settings.check()?;
        let terms = Terms {
            capacity: case.capacity,
            burst_s: settings.burst_s,
            attempts: f64::from(settings.attempts_max),
            cold_ms: settings.action.cold_ms,
            cold_capacity: settings.action.cold_capacity,
            units_per_request: case.matrix.units_per_request(),
        };
        let controller = &settings.controller;
        let (capacity, start_ms) = (case.capacity, case.start_ms);
        let watch =
            Watch::new(&case.workload, &case.matrix, bank, controller, sight, capacity, start_ms);
        let table = Table::new(initial, terms, start_ms);
        Ok(Self {
            case,
            settings,
            bank,
            policy,
            tally: Tally::new(start_ms, &table),
            table,
            watch,
            running: VecDeque::new(),
            decisions: Vec::new(),
            next_minute: case.matrix.minute_at(start_ms),
        })
    }

    /// Plays on until `end_ms`.
    pub fn play_until(&mut self, end_ms: i64) {
        let end = self.case.matrix.minute_at(end_ms.min(self.case.end_ms));
        while self.next_minute < end {
            self.minute(self.next_minute);
            self.next_minute += 1;
        }
    }

    /// Goes on with another policy, which is shown cells at this quantile.
    pub fn retune(&mut self, policy: P, quantile: Quantile) {
        self.policy = policy;
        self.watch.set_quantile(quantile);
    }

    /// What it has cost so far.
    pub fn so_far(&mut self) -> DayCost {
        let minutes = self.next_minute as i64 * MINUTE_MS;
        self.tally.count_partitions(self.case.matrix.start_ms() + minutes);
        let actions = self.decisions.iter().filter(|(_, finished)| finished.is_some()).count();
        DayCost { actions: actions as f64, ..self.tally.so_far() }
    }

    fn minute(&mut self, minute: usize) {
        let start_ms = self.case.matrix.start_ms() + minute as i64 * MINUTE_MS;
        let end_ms = start_ms + MINUTE_MS;
        self.table.set_loads(&self.case.matrix, minute);
        let mut looks: VecDeque<i64> = VecDeque::from([start_ms + LOOK_MS]);
        if self.is_nearly_full() {
            looks.push_back(start_ms + LOOK_AGAIN_MS);
            looks.extend(self.last_moments(start_ms));
            looks.make_contiguous().sort_unstable();
        }
        let mut looked = 0;
        let mut now_ms = start_ms;
        while now_ms < end_ms {
            let finish_ms = self.running.front().map_or(i64::MAX, |running| running.finished_ms);
            let look_ms = looks.front().copied().unwrap_or(i64::MAX);
            let next_ms = finish_ms.min(look_ms).min(end_ms);
            self.tally.flowed(self.table.flow(now_ms, next_ms), now_ms);
            now_ms = next_ms;
            if now_ms == end_ms {
                break;
            }
            if finish_ms == now_ms {
                self.finish_action(minute);
                let again_ms = now_ms + LOOK_MS;
                if self.running.is_empty() && looks.iter().all(|&look_ms| look_ms > again_ms) {
                    looks.push_front(again_ms);
                }
            } else {
                looks.pop_front();
                looked += 1;
                if looked <= LOOKS_PER_MINUTE_MAX {
                    self.look(now_ms, minute);
                }
            }
        }
        self.table.close_minute(self.settings.controller.at_limit_utilisation, MINUTE_MS);
        self.tally.close_minute();
    }

    fn is_nearly_full(&self) -> bool {
        let hot = self.settings.controller.hot_utilisation;
        let full = |load| load::utilisation(load, self.case.capacity) > hot;
        self.table.partitions.iter().any(|partition| full(partition.load))
    }

    /// When a policy that waits for burst credit to run out would see that it must wait no longer:
    /// the service looks every second, and a minute's step must not make it late.
    fn last_moments(&self, start_ms: i64) -> impl Iterator<Item = i64> + use<'a, P> {
        let floor = self.settings.planner.floor.clone().unwrap_or_default();
        let ahead_ms = floor.ahead_s(self.settings.action.duration_ms) * 1000.0;
        let capacity = self.case.capacity;
        let moment = move |lasts_s: f64| {
            start_ms.saturating_add((lasts_s * 1000.0 - ahead_ms).max(0.0) as i64)
        };
        let within = start_ms + LOOK_MS..start_ms + MINUTE_MS - LOOK_MS;
        let moments: Vec<i64> = self
            .table
            .partitions
            .iter()
            .map(|partition| moment(partition.lasts_s(capacity)))
            .filter(|at_ms| within.contains(at_ms))
            .map(|at_ms| (at_ms - start_ms).div_euclid(1_000) * 1_000 + start_ms + LOOK_MS)
            .collect();
        moments.into_iter()
    }

    fn look(&mut self, now_ms: i64, minute: usize) {
        let busy = !self.running.is_empty();
        self.watch.look(now_ms, minute, &self.table, busy);
        let plan = self.policy.decide(self.watch.view());
        if plan.is_hold() {
            return;
        }
        self.watch.planned();
        let first_id = self.decisions.len() as u64;
        let view = self.watch.view();
        let scores = planner::score::scores(view, &self.settings.controller.score);
        let made = Decision::of_plan(first_id, self.policy.name(), view, &scores, &plan);
        let mut finished_ms = now_ms;
        for decision in made {
            finished_ms += self.settings.action.of(&decision.action).0.max(1);
            let decision_at = self.decisions.len();
            self.running.push_back(Running { finished_ms, decision: decision_at });
            self.decisions.push((decision, None));
        }
    }

    fn finish_action(&mut self, minute: usize) {
        let Some(Running { finished_ms, decision }) = self.running.pop_front() else {
            return;
        };
        self.tally.count_partitions(finished_ms);
        let (decision, finished) = &mut self.decisions[decision];
        let writes_per_s = self.table.writes_per_s(&decision.action);
        if self.table.apply(&decision.action, finished_ms) {
            *finished = Some(finished_ms);
            self.tally.held_writes +=
                writes_per_s * self.settings.action.of(&decision.action).1 / 1e3;
            self.table.set_loads(&self.case.matrix, minute);
            self.tally.changed(finished_ms, &self.table);
        }
    }

    /// The figures, with every decision judged.
    pub fn finish(mut self) -> Played {
        self.tally.count_partitions(self.case.end_ms);
        let judged = |decision: Decision, finished_ms: i64| {
            let until_ms = decision.judged_until_ms(&self.settings.planner.merge);
            let actual = watch::demand(self.bank, &decision.action.range, decision.at_ms);
            let outcome = decision::outcome(&decision, finished_ms, &actual, until_ms);
            (decision, outcome)
        };
        // An action that was still running at the end has no outcome and is left out.
        let decisions: Vec<_> = self
            .decisions
            .into_iter()
            .filter_map(|(decision, finished_ms)| Some(judged(decision, finished_ms?)))
            .collect();
        let mut report = Report {
            workload: self.case.workload.clone(),
            seed: self.case.seed,
            policy: self.policy.name().into(),
            ..self.tally.report()
        };
        report.upkeep = Upkeep::new(
            &self.settings.upkeep,
            decisions.iter().map(|(decision, _)| share_of_axis(&decision.action)),
            report.partition_hours,
            self.case.hours(),
        );
        report.judge(&decisions);
        Played {
            run: Run { report, decisions },
            divisions: self.tally.divisions,
            throttled_hourly: self.tally.throttled_hourly,
        }
    }
}

/// The share of the key axis that an action divides anew.
fn share_of_axis(action: &Action) -> f64 {
    cells_of_range(&action.range).len() as f64 / CELLS as f64
}

#[cfg(test)]
mod tests;
