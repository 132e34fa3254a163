//! The predictive policy: act on the forecast, with a reactive floor below it.
//!
//! In this order: the floor looks at the last seconds (every view); then, once per score interval
//! and outside the cooldown, partitions whose score asks for it are cut by forecast if that pays;
//! and if nothing had to be cut, what is idle is merged. See the crate's README for why this does
//! not flap.

use super::Policy;
use super::merge::merges;
use super::presplit::presplit;
use super::split::{Basis, Cut, action, cost, cut, fewest_parts, overload_ahead};
use super::wording;
use crate::load::{excess, utilisation};
use crate::plan::{Action, Alternative, Plan, Trigger, summary};
use crate::score::{Mark, mark, score};
use crate::settings::{FloorSettings, PlannerSettings};
use crate::view::{NodeView, PartitionView, TableView};
use std::ops::Range;
use std::slice;

/// A cut made for another reason than overload must lower the fullest part at least this much.
const IMPROVEMENT_MIN: f64 = 0.05;

/// Splits ahead of forecast peaks, merges when observation and forecast agree, and reacts when the
/// forecast missed.
#[derive(Clone, Debug, Default)]
pub struct Predictive {
    settings: PlannerSettings,
}

impl Predictive {
    /// The policy with these settings.
    pub fn new(settings: PlannerSettings) -> Self {
        Self { settings }
    }

    /// Its settings.
    pub fn settings(&self) -> &PlannerSettings {
        &self.settings
    }
}

impl Policy for Predictive {
    fn name(&self) -> &'static str {
        if self.settings.floor.is_some() { "predictive" } else { "predictive-no-floor" }
    }

    fn tunable(&self) -> Option<&PlannerSettings> {
        Some(&self.settings)
    }

    fn decide(&mut self, view: &TableView) -> Plan {
        if view.busy {
            return Plan::hold("an earlier plan is still being carried out");
        }
        let wish = presplit(view, self.settings.action.partitions_max);
        if let Some(plan) = wish.filter(|plan| !plan.is_hold()) {
            return self.cap(plan, view);
        }
        if let Some(node) = view.node.filter(|node| node.at_limit) {
            return node_limit(view, node);
        }
        if let Some(floor) = &self.settings.floor {
            let plan = self.react(view, floor);
            if !plan.is_hold() {
                return plan;
            }
        }
        if !view.due {
            return Plan::hold("between two score intervals");
        }
        if let Some(wait_ms) = self.cooling(view) {
            return Plan::hold(format!("cooling down for another {} s", wait_ms / 1000));
        }
        let plan = self.foresee(view);
        if !plan.is_hold() || !self.settings.merge.enabled {
            return plan;
        }
        self.tidy(view, plan)
    }
}

impl Predictive {
    /// How much of the cooldown is left.
    fn cooling(&self, view: &TableView) -> Option<i64> {
        let passed_ms = view.now_ms - view.last_plan_ms?;
        let left_ms = self.settings.action.cooldown_ms - passed_ms;
        (left_ms > 0).then_some(left_ms)
    }

    /// The reactive floor.
    fn react(&self, view: &TableView, floor: &FloorSettings) -> Plan {
        let mut plan = Plan::hold("no partition is overloaded now");
        let mut first = 0;
        while first < view.partitions.len() {
            let most = self.settings.merge.sources_max.max(1);
            let rest = view.partitions[first..].iter().take(most);
            let count =
                rest.take_while(|partition| self.overloaded(view, partition, floor)).count();
            let run = &view.partitions[first..first + count];
            match self.relieve(view, run) {
                Some(action) => plan.actions.push(action),
                // Together they cannot be relieved, but perhaps those beside a hot key can.
                None => run.chunks(1).for_each(|alone| match self.relieve(view, alone) {
                    Some(action) => plan.actions.push(action),
                    None => plan.alternatives.push(hopeless(alone)),
                }),
            }
            first += count.max(1);
        }
        self.cap(plan, view)
    }

    /// The cut that relieves adjacent partitions of the load of the last seconds.
    fn relieve(&self, view: &TableView, sources: &[PartitionView]) -> Option<Action> {
        let first = sources.first()?;
        let found = cut(view, sources, Basis::Observed, sources.len().max(2), &self.settings)?;
        let full = utilisation(first.load_now, first.capacity) * 100.0;
        let reason =
            format!("{} is {full:.0} % full now and the forecast did not see it", first.id);
        (!stuck(&found)).then(|| action(sources, found, Trigger::Floor, reason))
    }

    /// Whether the last seconds alone are reason enough to act on a partition.
    fn overloaded(
        &self,
        view: &TableView,
        partition: &PartitionView,
        floor: &FloorSettings,
    ) -> bool {
        let full = utilisation(partition.load_now, partition.capacity);
        if full <= floor.utilisation || view.now_ms - partition.created_ms < floor.age_min_ms {
            return false;
        }
        let Some(credit) = partition.credit else {
            return true;
        };
        let ahead_s = floor.ahead_s(self.settings.action.duration_ms);
        let lasts_s = |credit: f64, load: f64, capacity: f64| {
            if load > capacity { credit.max(0.0) / (load - capacity) } else { f64::INFINITY }
        };
        let (load, capacity) = (partition.load_now, partition.capacity);
        lasts_s(credit.read, load.read, capacity.read).min(lasts_s(
            credit.write,
            load.write,
            capacity.write,
        )) <= ahead_s
    }

    /// Cuts what the forecast says will be too full, neighbours together.
    fn foresee(&self, view: &TableView) -> Plan {
        let mut plan = Plan::hold("no partition's score asks for action");
        let marks: Vec<Mark> =
            view.partitions.iter().map(|p| mark(p, &self.settings.score)).collect();
        let mut done = 0;
        for first in 0..view.partitions.len() {
            if first < done || !self.asks(view, &marks[first]) {
                continue;
            }
            let run = self.run(view, &marks, first, done);
            done = run.end;
            match self.weigh(view, &view.partitions[run.clone()], &marks[run.clone()]) {
                Ok(action) => plan.actions.push(action),
                Err(alternative) if run.len() == 1 => plan.alternatives.push(alternative),
                // One of them may spoil it for the others.
                Err(_) => run.filter(|&at| self.asks(view, &marks[at])).for_each(|at| {
                    let alone = slice::from_ref(&view.partitions[at]);
                    match self.weigh(view, alone, &marks[at..=at]) {
                        Ok(action) => plan.actions.push(action),
                        Err(alternative) => plan.alternatives.push(alternative),
                    }
                }),
            }
        }
        plan.actions.sort_by(|a, b| b.benefit.total_cmp(&a.benefit));
        if plan.is_hold() && !plan.alternatives.is_empty() {
            plan.reason = "no action pays".into();
        }
        self.cap(plan, view)
    }

    /// Whether a score asks for action now: what is forecast for later than the lead can wait, and
    /// will be known better then.
    fn asks(&self, view: &TableView, mark: &Mark) -> bool {
        let action = &self.settings.action;
        let lead_ms = action.lead_ms + action.duration_ms * action.per_plan_max as i64;
        let soon = mark.crossing_ms.is_none_or(|crossing_ms| crossing_ms <= view.now_ms + lead_ms);
        mark.asks && soon
    }

    /// The partitions that are cut together with `first`: the neighbours whose scores ask for it
    /// too, and those beside them with so much room that taking them in saves a partition.
    fn run(&self, view: &TableView, marks: &[Mark], first: usize, done: usize) -> Range<usize> {
        let most = self.settings.merge.sources_max.max(1);
        let joins = |at: usize| marks[at].too_full && view.partitions[at].has_forecast();
        let mut run = first..first + 1;
        if !joins(first) {
            return run;
        }
        while run.len() < most
            && run.end < marks.len()
            && joins(run.end)
            && self.asks(view, &marks[run.end])
        {
            run.end += 1;
        }
        let parts =
            |run: &Range<usize>| fewest_parts(&view.partitions[run.clone()], &self.settings);
        // How many partitions more there would be.
        let more = |run: &Range<usize>| parts(run).saturating_sub(run.len());
        let mut added = more(&run);
        while added > 0 && run.len() < most {
            let left = run.start.checked_sub(1).filter(|&left| left >= done);
            let left = left.map(|left| (left, left..run.end));
            let right =
                (run.end < view.partitions.len()).then(|| (run.end, run.start..run.end + 1));
            let wider = [left, right].into_iter().flatten().find_map(|(neighbour, wider)| {
                let partition = &view.partitions[neighbour];
                let added_then = partition.has_forecast().then(|| more(&wider))?;
                let evens = added_then == added && self.is_filling(partition);
                (added_then < added || evens).then_some((wider, added_then))
            });
            match wider {
                Some(wider) => (run, added) = wider,
                None => break,
            }
        }
        run
    }

    /// Whether a partition will be fuller than a new one may be: cut together with its neighbours now it
    /// need not be cut alone soon, which would leave two halves with more room than anybody needs.
    fn is_filling(&self, partition: &PartitionView) -> bool {
        let highest = partition.forecast_max(self.settings.score.quantile);
        utilisation(highest, partition.capacity) > self.settings.slice.target_utilisation
    }

    /// The cut that the scores of adjacent partitions ask for, or why there is none.
    fn weigh(
        &self,
        view: &TableView,
        sources: &[PartitionView],
        marks: &[Mark],
    ) -> Result<Action, Alternative> {
        let known = sources.iter().any(PartitionView::has_forecast);
        let basis = if known { Basis::Forecast } else { Basis::Observed };
        let cost = cost(sources, &self.settings);
        let fired = marks.iter().any(|mark| mark.too_full);
        let too_dear = |benefit| Alternative {
            what: names(sources),
            rejected: "it avoids less overload than it costs, or burst credit carries it".into(),
            benefit,
            cost,
        };
        // No cut avoids more than there is, and looking for the best one takes time.
        let (overload, carried) = overload_ahead(sources, self.settings.action.credit_share);
        if fired && overload - carried <= cost {
            return Err(too_dear(overload - carried));
        }
        let found = match cut(view, sources, basis, sources.len().max(2), &self.settings) {
            Some(found) if !stuck(&found) => found,
            Some(_) => return Err(hopeless(sources)),
            None => return Err(nowhere(sources)),
        };
        if fired && found.benefit - carried <= cost {
            return Err(too_dear(found.benefit - carried));
        }
        if !fired && found.full_after >= found.full_before * (1.0 - IMPROVEMENT_MIN) {
            return Err(Alternative {
                what: names(sources),
                rejected: "no cut lowers the fullest part".into(),
                benefit: found.benefit,
                cost,
            });
        }
        let scored = sources.iter().map(|source| (source, score(source, &self.settings.score)));
        let asking = scored.max_by(|(_, a), (_, b)| a.total.total_cmp(&b.total));
        let reason =
            asking.map_or_else(String::new, |(partition, score)| summary(partition, &score));
        let action = action(sources, found, Trigger::Forecast, reason);
        let crossing_ms = marks.iter().filter_map(|mark| mark.crossing_ms).min();
        Ok(Action { crossing_ms, cost, ..action })
    }

    /// Merges what is idle.
    fn tidy(&self, view: &TableView, held: Plan) -> Plan {
        // Nothing is merged while something is overloaded: the table is in motion.
        if view.partitions.iter().any(|p| excess(p.load_now, p.capacity) > 0.0) {
            return held;
        }
        let mut merges = merges(view, &self.settings);
        let mut alternatives = held.alternatives;
        alternatives.append(&mut merges.rejected);
        let reason = merges.actions.first().map_or(held.reason, |first| first.reason.clone());
        Plan { actions: merges.actions, alternatives, reason }
    }

    /// Keeps the caps: the most actions per plan, the most partitions per table.
    pub(super) fn cap(&self, mut plan: Plan, view: &TableView) -> Plan {
        let mut room = self.settings.action.partitions_max.saturating_sub(view.partitions.len());
        let mut kept = Vec::new();
        for action in std::mem::take(&mut plan.actions) {
            let more = action.children().saturating_sub(action.sources.len());
            let refused = if kept.len() == self.settings.action.per_plan_max {
                "this plan has as many actions as it may have"
            } else if more > room {
                "the table has as many partitions as it may have"
            } else {
                room -= more;
                kept.push(action);
                continue;
            };
            plan.alternatives.push(Alternative {
                what: format!(
                    "{} and {} more into {}",
                    action.sources[0],
                    action.sources.len() - 1,
                    action.children()
                ),
                rejected: refused.into(),
                benefit: action.benefit,
                cost: action.cost,
            });
        }
        if let Some(first) = kept.first() {
            plan.reason = first.reason.clone();
        }
        plan.actions = kept;
        plan
    }
}

/// Whether a cut leaves the fullest part as full as it was: one key has it all.
fn stuck(found: &Cut) -> bool {
    found.unsplittable && found.full_after >= found.full_before * (1.0 - IMPROVEMENT_MIN)
}

/// Adjacent partitions, for a reader.
fn names(sources: &[PartitionView]) -> String {
    match sources {
        [] => String::new(),
        [alone] => format!("split {}", alone.id),
        [first, .., last] => format!("reslice {} to {}", first.id, last.id),
    }
}

fn hopeless(sources: &[PartitionView]) -> Alternative {
    rejected(sources, &wording::hopeless(sources))
}

/// What there is to say when the node is at its limit: its partitions share what it has, however many
/// there are.
fn node_limit(view: &TableView, node: NodeView) -> Plan {
    let reason = format!(
        "the node is the limit, at {:.0} read and {:.0} write units/s: splitting will not help",
        node.load.read, node.load.write
    );
    let overloaded = view.partitions.iter().filter(|p| excess(p.load_now, p.capacity) > 0.0);
    let alternatives = overloaded.map(|p| rejected(slice::from_ref(p), &reason)).collect();
    Plan { alternatives, ..Plan::hold(reason) }
}

fn nowhere(sources: &[PartitionView]) -> Alternative {
    let one_key = |source: &PartitionView| source.cells.iter().all(|cell| cell.single_key);
    if sources.iter().all(one_key) {
        return hopeless(sources);
    }
    rejected(sources, "there is no boundary that would relieve it")
}

fn rejected(sources: &[PartitionView], why: &str) -> Alternative {
    Alternative { what: names(sources), rejected: why.into(), benefit: 0.0, cost: 0.0 }
}

#[cfg(test)]
mod tests;
