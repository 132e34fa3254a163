//! From counts to a plan: everything one table needs between the collector and the manager.
//!
//! The controller keeps a forecaster for the reads and one for the writes of every partition, fed
//! from the collector's history; it makes a [`TableView`] of them and of the last seconds and
//! minutes, scores it once per interval and asks the policy at every tick. It has no clock: the
//! manager ticks it with real (or scaled) time, the simulator with virtual time, and neither can
//! tell what the other sees.
//!
//! **Work per tick is bounded.** Every tick looks at the last seconds of each partition, every
//! scoring (or, while a partition is nearly full, every `refresh_ms`) at the last minutes of each
//! cell. Forecasters take a value only when a bin of the
//! history has closed (five minutes), and at most `builds_per_tick_max` partitions get their
//! forecasters built per tick; until then they abstain, and the policy leaves them alone. New
//! partitions are built from the history of their key range, so they have a forecast in the very
//! tick in which they are first seen.

mod cells;
mod hot_keys;
mod lane;
mod observe;
mod recent;
mod settings;
mod tracked;

pub use settings::ControllerSettings;

use crate::cycles::Cycles;
use crate::decision::LoadSeries;
use crate::error::PlannerError;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::score::{Score, score};
use crate::settings::ScoreSettings;
use crate::view::{Limits, NodeView, TableView};
use cells::CellShares;
use forecast::Network;
use recent::RecentLoads;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tracked::Tracked;
use types::{KeyRange, PartitionId, Strategy, TableId, Units};
use workload::{Channel, Collector, Timeline};

/// What the controller is told about a partition at each tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionFacts {
    /// Which partition.
    pub id: PartitionId,
    /// The keys it owns.
    pub range: KeyRange,
    /// What it can serve, per second.
    pub capacity: Units,
    /// Burst credit left, if somebody limits and tells.
    pub credit: Option<Units>,
    /// Stored bytes.
    pub size_bytes: u64,
    /// When it was made.
    pub created_ms: i64,
}

/// What the controller is told about the table; nothing special unless somebody does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TableFacts {
    /// Where boundaries may fall.
    pub strategy: Strategy,
    /// The throughput that the table is to be ready for.
    pub warm: Units,
    /// The node that serves it.
    pub node: Option<NodeView>,
}

/// What a tick yields.
#[derive(Debug)]
pub struct Tick<'a> {
    /// The table as it was seen.
    pub view: &'a TableView,
    /// The latest scores, one per partition.
    pub scores: &'a [Score],
    /// Whether the scores were made at this tick.
    pub scored: bool,
    /// What the policy wants done, with its explanation.
    pub plan: Plan,
}

/// Watches one table.
#[derive(Debug)]
pub struct Controller<P> {
    settings: ControllerSettings,
    policy: P,
    /// The recurrent network that all series share, once there is one.
    network: Option<Arc<Network>>,
    /// In key order.
    tracked: Vec<Tracked>,
    /// Their ranges, as the collector wants them.
    ranges: Vec<KeyRange>,
    cells: CellShares,
    recent: RecentLoads,
    view: TableView,
    scores: Vec<Score>,
    next_score_ms: i64,
    next_refresh_ms: i64,
    /// Whether a partition was nearly full at the last look.
    was_hot: bool,
    cycles: Cycles,
}

impl<P: Policy> Controller<P> {
    /// A controller of one table.
    pub fn new(
        table: TableId,
        name: &str,
        limits: Limits,
        settings: ControllerSettings,
        policy: P,
    ) -> Result<Self, PlannerError> {
        settings.validate()?;
        let view = TableView {
            table,
            name: name.into(),
            now_ms: i64::MIN,
            due: false,
            busy: false,
            limits,
            strategy: Strategy::default(),
            warm: Units::ZERO,
            node: None,
            last_plan_ms: None,
            partitions: Vec::new(),
        };
        Ok(Self {
            cells: CellShares::new(&settings),
            recent: RecentLoads::default(),
            settings,
            policy,
            network: None,
            tracked: Vec::new(),
            ranges: Vec::new(),
            view,
            scores: Vec::new(),
            next_score_ms: i64::MIN,
            next_refresh_ms: i64::MIN,
            was_hot: false,
            cycles: Cycles::default(),
        })
    }

    /// What is to be known of the table beside its partitions, from the next tick on.
    pub fn describe(&mut self, facts: TableFacts) {
        let TableFacts { strategy, warm, node } = facts;
        (self.view.strategy, self.view.warm, self.view.node) = (strategy, warm, node);
    }

    /// Looks at the table at `now_ms` and decides.
    ///
    /// `partitions` are in key order and tile the axis, and the collector has been told of them.
    /// `busy` says that an earlier plan is still being carried out.
    pub fn tick(
        &mut self,
        now_ms: i64,
        collector: &Collector,
        partitions: &[PartitionFacts],
        busy: bool,
    ) -> Tick<'_> {
        self.view.now_ms = now_ms;
        self.view.busy = busy;
        let changed = self.follow(partitions, now_ms);
        let foreseen = self.foresee(collector);
        self.view.due = now_ms >= self.next_score_ms;
        self.observe(collector, partitions, changed || foreseen || self.view.due);
        if self.view.due {
            self.next_score_ms = now_ms + self.settings.score.interval_ms;
            self.weigh_keys(collector);
        }
        if self.view.due || changed {
            let partitions = self.view.partitions.iter();
            self.scores = partitions.map(|p| score(p, self.score_of(&p.range))).collect();
        }
        let plan = self.policy.decide(&self.view);
        if !plan.is_hold() {
            self.view.last_plan_ms = Some(now_ms);
        }
        Tick { view: &self.view, scores: &self.scores, scored: self.view.due, plan }
    }

    /// What the policy would do now if it were time to score: for a dry run. Changes nothing. While
    /// the table is busy or cooling down, what it would do but for that, and what holds it up.
    pub fn dry_run(&mut self) -> (Plan, Option<String>) {
        let due = TableView { due: true, ..self.view.clone() };
        let plan = self.policy.decide(&due);
        if !plan.is_hold() || (!due.busy && due.last_plan_ms.is_none()) {
            return (plan, None);
        }
        let later = self.policy.decide(&TableView { busy: false, last_plan_ms: None, ..due });
        match later.is_hold() {
            true => (later, None),
            false => (later, Some(plan.reason)),
        }
    }

    /// How a partition of this range is scored.
    fn score_of(&self, range: &KeyRange) -> &ScoreSettings {
        self.policy.score_of(range).unwrap_or(&self.settings.score)
    }

    /// When it is time to score next.
    pub fn next_score_ms(&self) -> i64 {
        self.next_score_ms
    }

    /// The table as it was last seen.
    pub fn view(&self) -> &TableView {
        &self.view
    }

    /// The latest scores.
    pub fn scores(&self) -> &[Score] {
        &self.scores
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// Forecasts with this network, too, from now on; told again of the same one, nothing happens.
    pub fn adopt(&mut self, network: &Arc<Network>) {
        if self.network.as_ref().is_some_and(|known| Arc::ptr_eq(known, network)) {
            return;
        }
        self.tracked.iter_mut().for_each(|tracked| tracked.adopt(network));
        self.network = Some(network.clone());
    }

    /// Goes on with other thresholds: another policy, and the score settings that it goes by.
    pub fn retune(&mut self, policy: P, score: ScoreSettings) {
        self.policy = policy;
        self.settings.score = score;
    }

    /// Takes up where another process left off: when the last plan was made, and which ranges were
    /// merged when (from the journal).
    pub fn resume(&mut self, last_plan_ms: Option<i64>, merged: Vec<(KeyRange, i64)>) {
        self.view.last_plan_ms = last_plan_ms;
        self.cycles = Cycles::resume(merged);
    }

    /// Brings the tracked partitions in line with the table's; says whether any changed.
    fn follow(&mut self, partitions: &[PartitionFacts], now_ms: i64) -> bool {
        let same = self.tracked.len() == partitions.len()
            && self.tracked.iter().zip(partitions).all(|(have, is)| have.id() == is.id);
        if same {
            return false;
        }
        let ranges: Vec<KeyRange> = partitions.iter().map(|facts| facts.range.clone()).collect();
        self.cycles.follow(&self.ranges, &ranges, now_ms);
        self.ranges = ranges;
        let mut known = std::mem::take(&mut self.tracked);
        for facts in partitions {
            match known.iter().position(|have| have.id() == facts.id) {
                Some(at) => self.tracked.push(known.swap_remove(at)),
                None => {
                    self.tracked.push(Tracked::new(facts, now_ms, self.settings.forecast.bin_ms))
                }
            }
        }
        true
    }

    /// Feeds the forecasters; says whether any forecast changed.
    fn foresee(&mut self, collector: &Collector) -> bool {
        let Some(history) = collector.history(self.view.table) else {
            return false;
        };
        let mut builds_left = self.settings.builds_per_tick_max;
        let mut changed = false;
        for tracked in &mut self.tracked {
            let (settings, network) = (&self.settings.forecast, self.network.as_ref());
            changed |= tracked.foresee(history, settings, network, &mut builds_left);
        }
        let cells = collector.cells(self.view.table);
        changed | cells.is_some_and(|cells| self.cells.follow(cells, history))
    }
}

/// The demand on a range of keys, bin by bin, from `from_ms` on: what decisions are judged by.
pub fn demand(timeline: &Timeline, range: &KeyRange, from_ms: i64) -> LoadSeries {
    let reads = timeline.series_from(range, Channel::ReadUnits, from_ms);
    let writes = timeline.series_from(range, Channel::WriteUnits, from_ms);
    LoadSeries::new(reads.start_ms, reads.bin_ms, &reads.values, &writes.values)
}

#[cfg(test)]
mod tests;
