//! Two sets of thresholds on one table: a canary's on the first keys of its axis, the operator's on the
//! rest.
//!
//! **Each side is planned like a table of its own.** A cut takes in neighbours and a merge puts them
//! together, so thresholds act on partitions beside each other at once; on the border between two sets
//! of them nobody could say whose an action was. So there is no action across the border: the policy
//! shows each side's partitions to a [`Predictive`] of that side and adds up what they want. That is also
//! what makes a canary's costs comparable: the same keys, played alone, behave the same. A partition that
//! the border divides belongs to the rest, so that the canary never grows.
//!
//! What concerns the table as a whole is the rest's: whether it is busy, the node's limit, and the caps on
//! actions and partitions. A table that is to be ready for some throughput is the rest's altogether, as
//! what was asked for is a floor under all its partitions. The policy remembers nothing: when a side was
//! last planned follows from when its partitions were made.

use super::{Policy, Predictive};
use crate::plan::Plan;
use crate::settings::{PlannerSettings, ScoreSettings};
use crate::view::{PartitionView, TableView};
use bytes::Bytes;
use types::{KeyRange, Units};

/// The predictive policy with a canary.
#[derive(Clone, Debug)]
pub struct Zoned {
    border: Bytes,
    canary: PlannerSettings,
    rest: Predictive,
}

impl Zoned {
    /// `canary` for the partitions that end at or below `border`, `rest` for all others.
    pub fn new(border: Bytes, canary: PlannerSettings, rest: PlannerSettings) -> Self {
        Self { border, canary, rest: Predictive::new(rest) }
    }

    fn is_canary(&self, range: &KeyRange) -> bool {
        range.end.as_ref().is_some_and(|end| *end <= self.border)
    }

    /// Whether there is something to be said of the table as a whole.
    fn is_whole(&self, view: &TableView) -> bool {
        view.busy || view.node.is_some_and(|node| node.at_limit) || view.warm != Units::ZERO
    }

    /// One side as a table, and what its policy wants.
    fn side(view: &TableView, partitions: &[PartitionView], settings: &PlannerSettings) -> Plan {
        let side = TableView {
            last_plan_ms: last_plan_ms(view, partitions),
            partitions: partitions.to_vec(),
            ..view.clone()
        };
        let mut settings = settings.clone();
        let others = view.partitions.len() - partitions.len();
        let room = settings.action.partitions_max.saturating_sub(others);
        settings.action.partitions_max = room;
        Predictive::new(settings).decide(&side)
    }
}

/// When a side was last planned. Its partitions were made by plans; a plan that made none anywhere
/// has failed, and then both sides wait.
fn last_plan_ms(view: &TableView, partitions: &[PartitionView]) -> Option<i64> {
    let youngest = |partitions: &[PartitionView]| partitions.iter().map(|p| p.created_ms).max();
    let last_ms = view.last_plan_ms?;
    match youngest(&view.partitions) {
        Some(made_ms) if made_ms >= last_ms => youngest(partitions),
        _ => Some(last_ms),
    }
}

impl Policy for Zoned {
    fn name(&self) -> &'static str {
        self.rest.name()
    }

    fn score_of(&self, range: &KeyRange) -> Option<&ScoreSettings> {
        let settings = if self.is_canary(range) { &self.canary } else { self.rest.settings() };
        Some(&settings.score)
    }

    fn decide(&mut self, view: &TableView) -> Plan {
        let border = view.partitions.partition_point(|partition| self.is_canary(&partition.range));
        if border == 0 || self.is_whole(view) {
            return self.rest.decide(view);
        }
        let (canary, rest) = view.partitions.split_at(border);
        let mut plan = Self::side(view, canary, &self.canary);
        let mut other = Self::side(view, rest, self.rest.settings());
        if plan.is_hold() {
            plan.reason = std::mem::take(&mut other.reason);
        }
        plan.actions.append(&mut other.actions);
        plan.alternatives.append(&mut other.alternatives);
        self.rest.cap(plan, view)
    }
}

#[cfg(test)]
mod tests;
