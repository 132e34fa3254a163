//! Playing a workload against a policy.
//!
//! Events before the start are imported as history, as the live demo does it; then virtual time
//! jumps from one thing that happens to the next: an action is finished, the controller ticks, a
//! client tries again, an event of the workload comes (in this order within a millisecond).
//! Actions of a plan are carried out one after the other, each takes `action_ms`, and the old
//! partitions serve until it is finished.

use crate::clients::Retries;
use crate::error::SimulatorError;
use crate::partitions::Partitions;
use crate::report::{Report, Run};
use crate::workload::{Event, Workload};
use ::workload::{Collector, CollectorSettings, Outcome, Vector};
use planner::settings::MergeSettings;
use planner::{
    Action, Controller, ControllerSettings, Decision, Limits, Policy, controller, decision,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use types::{PartitionId, Strategy, TableId, Units};

/// The one table of a simulation.
const TABLE: TableId = TableId(1);
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: f64 = 3_600_000.0;

/// How a workload is played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulationSettings {
    /// What the workload is called.
    pub workload: String,
    /// What retries are drawn from.
    pub seed: u64,
    /// Events from here on are played; earlier ones are history.
    pub start_ms: i64,
    /// And up to here.
    pub end_ms: i64,
    /// Partitions at the start, even parts of hash space.
    pub partitions: u32,
    /// What each partition can serve, per second.
    pub capacity: Units,
    /// How many seconds of unused capacity are kept.
    pub burst_s: f64,
    /// How often the controller ticks.
    pub tick_ms: i64,
    /// How long an action takes.
    pub action_ms: i64,
    /// How clients retry.
    pub retry: RetrySettings,
    /// By these it is judged how decisions turned out.
    pub merge: MergeSettings,
    /// The controller's.
    pub controller: ControllerSettings,
    /// The collector's.
    pub collector: CollectorSettings,
}

/// How clients retry what was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrySettings {
    /// Attempts per invocation, the first included.
    pub attempts_max: u32,
    /// The longest wait before the second attempt; doubled for each further one.
    pub backoff_ms: i64,
    /// It is not doubled beyond this.
    pub backoff_ms_max: i64,
}

impl Default for RetrySettings {
    /// As the AWS SDKs do it in their standard retry mode.
    fn default() -> Self {
        Self { attempts_max: 3, backoff_ms: 50, backoff_ms_max: 20_000 }
    }
}

/// Plays `workload` against `policy`.
pub fn run<P: Policy>(
    workload: &Workload,
    settings: &SimulationSettings,
    policy: P,
) -> Result<Run, SimulatorError> {
    check(settings)?;
    let mut simulation = Simulation::new(workload, settings, policy)?;
    simulation.import();
    simulation.play();
    Ok(simulation.finish())
}

fn check(settings: &SimulationSettings) -> Result<(), SimulatorError> {
    let check = |ok: bool, name, value: i64, expected| {
        let value = value.to_string();
        if ok { Ok(()) } else { Err(SimulatorError::Setting { name, value, expected }) }
    };
    check(settings.tick_ms > 0, "tick_ms", settings.tick_ms, "at least 1")?;
    check(settings.action_ms >= 0, "action_ms", settings.action_ms, "0 or more")?;
    check(settings.end_ms > settings.start_ms, "end_ms", settings.end_ms, "after start_ms")
}

/// An action that is being carried out.
struct Running {
    finished_ms: i64,
    decision: usize,
}

struct Simulation<'a, P> {
    workload: &'a Workload,
    settings: &'a SimulationSettings,
    policy: &'static str,
    collector: Collector,
    controller: Controller<P>,
    partitions: Partitions,
    retries: Retries,
    running: VecDeque<Running>,
    /// Every decision, and when its action was finished.
    decisions: Vec<(Decision, Option<i64>)>,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    requests: u64,
    throttled: u64,
    given_up: u64,
    overload_minutes: u64,
    last_overload_minute: Option<i64>,
    partition_ms: f64,
    counted_until_ms: i64,
    partitions_max: usize,
}

impl<'a, P: Policy> Simulation<'a, P> {
    fn new(
        workload: &'a Workload,
        settings: &'a SimulationSettings,
        policy: P,
    ) -> Result<Self, SimulatorError> {
        let partitions = Partitions::new(
            settings.partitions,
            settings.capacity,
            settings.burst_s,
            settings.start_ms,
        );
        let mut collector = Collector::new(&settings.collector);
        collector.set_partitions(TABLE, Strategy::Hash, &partitions.ranges());
        let name = policy.name();
        let controller = Controller::new(
            TABLE,
            &settings.workload,
            Limits::Dynamodb,
            settings.controller.clone(),
            policy,
        )?;
        Ok(Self {
            workload,
            settings,
            policy: name,
            collector,
            controller,
            tally: Tally {
                counted_until_ms: settings.start_ms,
                partitions_max: partitions.len(),
                ..Tally::default()
            },
            partitions,
            retries: Retries::new(&settings.retry, settings.seed),
            running: VecDeque::new(),
            decisions: Vec::new(),
        })
    }

    fn import(&mut self) {
        for event in self.workload.between(i64::MIN, self.settings.start_ms) {
            let vector = self.vector(event, event.at_ms, PartitionId(0), Outcome::Served, true);
            self.collector.ingest(&vector);
        }
        self.collector.advance(self.settings.start_ms);
    }

    fn play(&mut self) {
        let events = &self.workload.events;
        let mut next = events.partition_point(|event| event.at_ms < self.settings.start_ms);
        let end = events.partition_point(|event| event.at_ms < self.settings.end_ms);
        let mut tick_ms = self.settings.start_ms;
        loop {
            let event_ms = if next < end { events[next].at_ms } else { self.settings.end_ms };
            let retry_ms = self.retries.next_ms().unwrap_or(i64::MAX);
            let finish_ms = self.running.front().map_or(i64::MAX, |running| running.finished_ms);
            let now_ms = event_ms.min(retry_ms).min(tick_ms).min(finish_ms);
            if now_ms >= self.settings.end_ms {
                break;
            }
            if finish_ms == now_ms {
                self.finish_action();
            } else if tick_ms == now_ms {
                self.tick(now_ms);
                tick_ms += self.settings.tick_ms;
            } else if retry_ms == now_ms {
                if let Some(retry) = self.retries.pop() {
                    self.attempt(retry.event, retry.attempt, now_ms);
                }
            } else {
                self.tally.requests += 1;
                self.attempt(next, 1, now_ms);
                next += 1;
            }
        }
        self.count_partitions(self.settings.end_ms);
        self.collector.advance(self.settings.end_ms);
    }

    /// One attempt of an invocation.
    fn attempt(&mut self, number: usize, attempt: u32, now_ms: i64) {
        let event = &self.workload.events[number];
        let key = self.workload.key(event.key).storage_key;
        let (partition, admitted) = self.partitions.admit(key.as_bytes(), event.units(), now_ms);
        let outcome = if admitted { Outcome::Served } else { Outcome::Throttled };
        let vector = self.vector(event, now_ms, partition, outcome, attempt == 1);
        self.collector.ingest(&vector);
        if admitted {
            return;
        }
        if attempt == 1 {
            self.tally.throttled += 1;
            let minute = now_ms / MINUTE_MS;
            if self.tally.last_overload_minute.replace(minute) != Some(minute) {
                self.tally.overload_minutes += 1;
            }
        }
        if !self.retries.refused(number, attempt, now_ms) {
            self.tally.given_up += 1;
        }
    }

    fn tick(&mut self, now_ms: i64) {
        self.collector.advance(now_ms);
        let facts = self.partitions.facts(now_ms);
        let busy = !self.running.is_empty();
        let tick = self.controller.tick(now_ms, &self.collector, &facts, busy);
        if tick.plan.is_hold() {
            return;
        }
        let first_id = self.decisions.len() as u64;
        let made = Decision::of_plan(first_id, self.policy, tick.view, tick.scores, &tick.plan);
        for (i, decision) in (1..).zip(made) {
            self.running.push_back(Running {
                finished_ms: now_ms + i * self.settings.action_ms,
                decision: self.decisions.len(),
            });
            self.decisions.push((decision, None));
        }
    }

    fn finish_action(&mut self) {
        let Some(Running { finished_ms, decision }) = self.running.pop_front() else {
            return;
        };
        self.count_partitions(finished_ms);
        let (decision, finished) = &mut self.decisions[decision];
        let action: &Action = &decision.action;
        if self.partitions.apply(action, finished_ms) {
            *finished = Some(finished_ms);
            self.collector.set_partitions(TABLE, Strategy::Hash, &self.partitions.ranges());
            self.tally.partitions_max = self.tally.partitions_max.max(self.partitions.len());
        }
    }

    fn count_partitions(&mut self, now_ms: i64) {
        let passed_ms = now_ms - self.tally.counted_until_ms;
        self.tally.partition_ms += self.partitions.len() as f64 * passed_ms as f64;
        self.tally.counted_until_ms = now_ms;
    }

    fn vector(
        &self,
        event: &Event,
        timestamp_ms: i64,
        partition: PartitionId,
        outcome: Outcome,
        demand: bool,
    ) -> Vector {
        Vector { partition, outcome, demand, ..self.workload.vector(event, TABLE, timestamp_ms) }
    }

    fn finish(self) -> Run {
        let judged = |decision: Decision, finished_ms: i64| {
            let until_ms = decision.judged_until_ms(&self.settings.merge);
            let actual = match self.collector.history(TABLE) {
                Some(history) => {
                    controller::demand(history, &decision.action.range, decision.at_ms)
                }
                None => planner::LoadSeries::default(),
            };
            let outcome = decision::outcome(&decision, finished_ms, &actual, until_ms);
            (decision, outcome)
        };
        // An action that was still running at the end has no outcome and is left out.
        let decisions: Vec<_> = self
            .decisions
            .into_iter()
            .filter_map(|(decision, finished_ms)| Some(judged(decision, finished_ms?)))
            .collect();
        let tally = self.tally;
        let mut report = Report {
            workload: self.settings.workload.clone(),
            seed: self.settings.seed,
            policy: self.policy.into(),
            requests: tally.requests,
            throttled: tally.throttled,
            throttled_share: tally.throttled as f64 / tally.requests.max(1) as f64,
            given_up: tally.given_up,
            overload_minutes: tally.overload_minutes,
            partition_hours: tally.partition_ms / HOUR_MS,
            partitions_max: tally.partitions_max,
            partitions_end: self.partitions.len(),
            ..Report::default()
        };
        report.judge(&decisions);
        Run { report, decisions }
    }
}

#[cfg(test)]
mod tests;
