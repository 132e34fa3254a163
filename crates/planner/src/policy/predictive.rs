//! The predictive policy: act on the forecast, with a reactive floor below it.
//!
//! In this order: the floor looks at the last seconds (every view); then, once per score interval
//! and outside the cooldown, partitions whose score asks for it are cut by forecast if that pays;
//! and if nothing had to be cut, what is idle is merged. See the crate's README for why this does
//! not flap.

use super::Policy;
use super::merge::merges;
use super::split::{Basis, Cut, action, cost, cut};
use crate::load::{excess, utilisation};
use crate::plan::{Action, Alternative, Plan, Trigger, summary};
use crate::score::{Score, scores};
use crate::settings::{FloorSettings, PlannerSettings};
use crate::view::{PartitionView, TableView};

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

    fn decide(&mut self, view: &TableView) -> Plan {
        if view.busy {
            return Plan::hold("an earlier plan is still being carried out");
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
        for partition in &view.partitions {
            if !self.overloaded(view, partition, floor) {
                continue;
            }
            let full = utilisation(partition.load_now, partition.capacity);
            let reason = format!(
                "{} is {:.0} % full now and the forecast did not see it",
                partition.id,
                full * 100.0
            );
            match cut(view, partition, Basis::Observed, 2, &self.settings) {
                Some(found) if !stuck(&found) => {
                    plan.actions.push(action(partition, found, Trigger::Floor, reason));
                }
                found => plan.alternatives.push(hopeless(partition, found.as_ref())),
            }
        }
        self.cap(plan, view)
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
        let ahead_s = floor.durations_ahead * self.settings.action.duration_ms as f64 / 1000.0;
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

    /// Cuts what the forecast says will be too full.
    fn foresee(&self, view: &TableView) -> Plan {
        let mut plan = Plan::hold("no partition's score asks for action");
        for (partition, score) in view.partitions.iter().zip(scores(view, &self.settings.score)) {
            if score.total < self.settings.score.threshold {
                continue;
            }
            match self.weigh(view, partition, &score) {
                Ok(action) => plan.actions.push(action),
                Err(alternative) => plan.alternatives.push(alternative),
            }
        }
        plan.actions.sort_by(|a, b| b.benefit.total_cmp(&a.benefit));
        if plan.is_hold() && !plan.alternatives.is_empty() {
            plan.reason = "no action pays".into();
        }
        self.cap(plan, view)
    }

    /// The cut that the score asks for, or why there is none.
    fn weigh(
        &self,
        view: &TableView,
        partition: &PartitionView,
        score: &Score,
    ) -> Result<Action, Alternative> {
        let basis = if partition.has_forecast() { Basis::Forecast } else { Basis::Observed };
        let cost = cost(partition, &self.settings);
        let found = match cut(view, partition, basis, 2, &self.settings) {
            Some(found) if !stuck(&found) => found,
            found => return Err(hopeless(partition, found.as_ref())),
        };
        let pays = if score.rate.fired() {
            found.benefit > cost
        } else {
            found.full_after < found.full_before * (1.0 - IMPROVEMENT_MIN)
        };
        if !pays {
            return Err(Alternative {
                what: format!("split {} into {}", partition.id, found.shares.len()),
                rejected: if score.rate.fired() {
                    "it avoids less overload than it costs".into()
                } else {
                    "no cut lowers the fullest part".into()
                },
                benefit: found.benefit,
                cost,
            });
        }
        let action = action(partition, found, Trigger::Forecast, summary(partition, score));
        Ok(Action { crossing_ms: score.crossing_ms, cost, ..action })
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
    fn cap(&self, mut plan: Plan, view: &TableView) -> Plan {
        let mut room = self.settings.action.partitions_max.saturating_sub(view.partitions.len());
        let mut kept = Vec::new();
        for action in std::mem::take(&mut plan.actions) {
            let more = action.children() - action.sources.len();
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
                what: format!("split {} into {}", action.sources[0], action.children()),
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

fn hopeless(partition: &PartitionView, found: Option<&Cut>) -> Alternative {
    let rejected = match found {
        Some(_) => "a single key carries the load: no boundary divides it",
        None => "there is no boundary that would relieve it",
    };
    Alternative {
        what: format!("split {}", partition.id),
        rejected: rejected.into(),
        benefit: 0.0,
        cost: 0.0,
    }
}

#[cfg(test)]
mod tests;
