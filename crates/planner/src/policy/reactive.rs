//! The rivals: policies that look at load and never ahead.
//!
//! [`ReactiveDynamoDb`] splits as DynamoDB does. What is published: a partition whose consumed
//! throughput stays above a threshold is split at a point chosen from the key distribution seen,
//! which takes "on the order of minutes" (Elhemali et al., *Amazon DynamoDB*, USENIX ATC 2022,
//! §4), and "partitions today are only split, never merged" (AWS Database Blog, *Scaling DynamoDB:
//! How partitions, hot keys, and split for heat impact performance*, part 3, 2023). How many
//! minutes is not published; ten is our assumption, and a setting.
//!
//! [`ReactiveFast`] is the strongest reactive policy we can think of: it splits as soon as the last
//! second is above capacity. No store we know of does.

use super::{Policy, midpoint::halve};
use crate::load::utilisation;
use crate::plan::{Alternative, Plan};
use crate::view::{PartitionView, TableView};
use serde::{Deserialize, Serialize};

/// When a DynamoDB-like store splits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReactiveDynamoDbSettings {
    /// How long a partition must have been at its limit.
    pub at_limit_min_ms: i64,
    /// The most partitions a table may have.
    pub partitions_max: usize,
}

impl Default for ReactiveDynamoDbSettings {
    fn default() -> Self {
        Self { at_limit_min_ms: 600_000, partitions_max: 256 }
    }
}

/// Splits a partition that has been at its limit for minutes, at the middle of its load.
#[derive(Clone, Debug, Default)]
pub struct ReactiveDynamoDb {
    settings: ReactiveDynamoDbSettings,
}

impl ReactiveDynamoDb {
    /// The policy with these settings.
    pub fn new(settings: ReactiveDynamoDbSettings) -> Self {
        Self { settings }
    }
}

impl Policy for ReactiveDynamoDb {
    fn name(&self) -> &'static str {
        "reactive-dynamodb"
    }

    fn decide(&mut self, view: &TableView) -> Plan {
        let wait_ms = self.settings.at_limit_min_ms;
        react(view, self.settings.partitions_max, |partition| {
            // Time at the limit under other boundaries was another partition's.
            let at_limit_ms = partition.at_limit_ms.min(view.now_ms - partition.created_ms);
            (at_limit_ms >= wait_ms).then(|| {
                format!("{} has been at its limit for {} s", partition.id, at_limit_ms / 1000)
            })
        })
    }
}

/// When the fast rival splits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReactiveFastSettings {
    /// Above this share of capacity.
    pub utilisation: f64,
    /// A partition younger than this is left alone: its load is not known yet.
    pub age_min_ms: i64,
    /// The most partitions a table may have.
    pub partitions_max: usize,
}

impl Default for ReactiveFastSettings {
    fn default() -> Self {
        Self { utilisation: 1.0, age_min_ms: 1_000, partitions_max: 256 }
    }
}

/// Splits a partition that was above capacity in the last second (or whatever time the view's
/// `load_now` covers), at the middle of its load.
#[derive(Clone, Debug, Default)]
pub struct ReactiveFast {
    settings: ReactiveFastSettings,
}

impl ReactiveFast {
    /// The policy with these settings.
    pub fn new(settings: ReactiveFastSettings) -> Self {
        Self { settings }
    }
}

impl Policy for ReactiveFast {
    fn name(&self) -> &'static str {
        "reactive-fast"
    }

    fn decide(&mut self, view: &TableView) -> Plan {
        let ReactiveFastSettings { utilisation: threshold, age_min_ms, partitions_max } =
            self.settings;
        react(view, partitions_max, |partition| {
            let full = utilisation(partition.load_now, partition.capacity);
            let of_age = view.now_ms - partition.created_ms >= age_min_ms;
            (full > threshold && of_age)
                .then(|| format!("{} is {:.0} % full", partition.id, full * 100.0))
        })
    }
}

/// Halves every partition that gives a reason to, as long as the table has room.
fn react(
    view: &TableView,
    partitions_max: usize,
    reason_to_split: impl Fn(&PartitionView) -> Option<String>,
) -> Plan {
    if view.busy {
        return Plan::hold("an earlier plan is still being carried out");
    }
    let mut room = partitions_max.saturating_sub(view.partitions.len());
    let mut plan = Plan::hold("no partition is at its limit");
    for partition in &view.partitions {
        let Some(reason) = reason_to_split(partition) else {
            continue;
        };
        match halve(partition, reason).filter(|_| room > 0) {
            Some(action) => {
                room -= 1;
                plan.actions.push(action);
            }
            None => plan.alternatives.push(rejected(partition, room)),
        }
    }
    if let Some(first) = plan.actions.first() {
        plan.reason = first.reason.clone();
    }
    plan
}

fn rejected(partition: &PartitionView, room: usize) -> Alternative {
    let rejected = if room == 0 {
        "the table has as many partitions as it may have"
    } else {
        "no boundary divides it: one cell has all the load that is counted"
    };
    Alternative {
        what: format!("split {}", partition.id),
        rejected: rejected.into(),
        benefit: 0.0,
        cost: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{partition_in, range_between, table};
    use types::Units;

    fn sources(plan: &Plan) -> Vec<u64> {
        plan.actions.iter().flat_map(|action| &action.sources).map(|id| id.0).collect()
    }

    fn halves() -> TableView {
        table(vec![
            partition_in(1, range_between(0.0, 0.5), 0.5),
            partition_in(2, range_between(0.5, 1.0), 0.5),
        ])
    }

    #[test]
    fn dynamodb_waits_ten_minutes_at_the_limit() {
        let mut view = halves();
        view.partitions[1].at_limit_ms = 599_999;
        let mut policy = ReactiveDynamoDb::default();
        assert!(policy.decide(&view).is_hold());
        view.partitions[1].at_limit_ms = 600_000;
        assert_eq!(sources(&policy.decide(&view)), [2]);
    }

    #[test]
    fn a_new_partition_has_its_own_ten_minutes() {
        let mut view = halves();
        view.partitions[0].at_limit_ms = 3_600_000;
        view.partitions[0].created_ms = view.now_ms - 60_000;
        assert!(ReactiveDynamoDb::default().decide(&view).is_hold());
    }

    #[test]
    fn fast_splits_whatever_is_above_capacity() {
        let mut view = halves();
        let mut policy = ReactiveFast::default();
        assert!(policy.decide(&view).is_hold());
        for partition in &mut view.partitions {
            partition.load_now = Units::write(101.0);
        }
        let plan = policy.decide(&view);
        assert_eq!(sources(&plan), [1, 2]);
        assert!(plan.actions.iter().all(|action| action.children() == 2));
    }

    #[test]
    fn nobody_splits_a_busy_or_a_full_table() {
        let mut view = halves();
        view.partitions[0].load_now = Units::write(500.0);
        view.busy = true;
        assert!(ReactiveFast::default().decide(&view).is_hold());
        view.busy = false;
        let full = ReactiveFastSettings { partitions_max: 2, ..Default::default() };
        let plan = ReactiveFast::new(full).decide(&view);
        assert!(plan.is_hold() && plan.alternatives.len() == 1);
    }
}
