//! Thresholds on load that was seen: how other stores split and merge.
//!
//! A partition that has been above one utilisation for some time is halved, two neighbours that
//! together have been below another for some time are merged. [`Threshold::cockroach`] has
//! CockroachDB's constants; with other constants this is the rival that is tuned on the past of the
//! very workload it is played on. It never looks ahead.

use super::Policy;
use super::midpoint::{halve, halve_at};
use crate::load::{larger, utilisation};
use crate::plan::{Action, Kind, Plan, Trigger};
use crate::view::{PartitionView, TableView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{KeyRange, PartitionId};

/// When a partition is split and when two are merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThresholdSettings {
    /// A partition above this share of capacity is split …
    pub split_utilisation: f64,
    /// … once it has been above it for so long.
    pub above_ms: i64,
    /// Two neighbours that together are below this share are merged; `None`: never.
    pub merge_utilisation: Option<f64>,
    /// … once they have been below it for so long.
    pub below_ms: i64,
    /// Between two plans that split passes at least this much.
    pub split_interval_ms: i64,
    /// The most splits in one plan.
    pub splits_max: usize,
    /// How many keys are sampled to find a split point among; `None`: the best of all cells.
    pub sampled_keys: Option<u32>,
    /// What they are sampled with.
    pub seed: u64,
    /// The most partitions a table may have.
    pub partitions_max: usize,
}

impl Default for ThresholdSettings {
    fn default() -> Self {
        Self {
            split_utilisation: 0.9,
            above_ms: 0,
            merge_utilisation: Some(0.5),
            below_ms: 600_000,
            split_interval_ms: 0,
            splits_max: usize::MAX,
            sampled_keys: None,
            seed: 1,
            partitions_max: 256,
        }
    }
}

impl ThresholdSettings {
    /// CockroachDB's load-based splitting. Sources: *Load-Based Splitting* (CockroachDB docs): a range
    /// is split above `kv.range_split.load_qps_threshold`, 2,500 queries per second; `split/decider.go`
    /// and `split/unweighted_finder.go` (cockroachdb/cockroach): requests are recorded for ten seconds,
    /// the split key is the best of a reservoir of 20; `merge_queue.go`: ranges are merged while
    /// together below half the threshold, after `kv.range_split.by_load_merge_delay`, 5 minutes.
    /// Assumed: that 2,500 queries are three quarters of a partition (they lie between its 3,000 reads
    /// and 1,000 writes), and one split a minute for the whole table, as splits are queued.
    pub fn cockroach(seed: u64) -> Self {
        Self {
            split_utilisation: 0.75,
            above_ms: 10_000,
            merge_utilisation: Some(0.375),
            below_ms: 300_000,
            split_interval_ms: 60_000,
            splits_max: 1,
            sampled_keys: Some(20),
            seed,
            ..Self::default()
        }
    }
}

/// Splits above and merges below thresholds.
#[derive(Clone, Debug)]
pub struct Threshold {
    name: &'static str,
    settings: ThresholdSettings,
    /// Since when each partition has been above, by what was looked at.
    above_since: BTreeMap<PartitionId, i64>,
    /// Since when each partition and its right neighbour have together been below.
    below_since: BTreeMap<(PartitionId, PartitionId), i64>,
    last_split_ms: Option<i64>,
}

impl Threshold {
    /// The policy with these settings, under a name for tables and journals.
    pub fn new(name: &'static str, settings: ThresholdSettings) -> Self {
        Self {
            name,
            settings,
            above_since: BTreeMap::new(),
            below_since: BTreeMap::new(),
            last_split_ms: None,
        }
    }

    /// CockroachDB's rules; `seed` draws the sampled keys.
    pub fn cockroach(seed: u64) -> Self {
        Self::new("reactive-cockroach", ThresholdSettings::cockroach(seed))
    }

    /// Notes who is above and who is below.
    fn follow(&mut self, view: &TableView) {
        let split = self.settings.split_utilisation;
        let above = view.partitions.iter().filter(|p| utilisation(p.load_now, p.capacity) > split);
        let above = above.map(|partition| partition.id).collect();
        keep(&mut self.above_since, above, view.now_ms);
        let Some(merge) = self.settings.merge_utilisation else { return };
        let below = view.partitions.windows(2).filter(|pair| together(pair) < merge);
        let below = below.map(|pair| (pair[0].id, pair[1].id)).collect();
        keep(&mut self.below_since, below, view.now_ms);
    }

    fn splits(&self, view: &TableView) -> Vec<Action> {
        let waits = self
            .last_split_ms
            .is_some_and(|last_ms| view.now_ms - last_ms < self.settings.split_interval_ms);
        let room = self.settings.partitions_max.saturating_sub(view.partitions.len());
        if waits || room == 0 {
            return Vec::new();
        }
        let mut hot: Vec<&PartitionView> = view
            .partitions
            .iter()
            .filter(|partition| {
                let since = self.above_since.get(&partition.id);
                since.is_some_and(|&since_ms| view.now_ms - since_ms >= self.settings.above_ms)
            })
            .collect();
        let full = |partition: &PartitionView| utilisation(partition.load_now, partition.capacity);
        hot.sort_by(|a, b| full(b).total_cmp(&full(a)));
        let split = |partition: &&PartitionView| {
            let reason = format!(
                "{} is {:.0} % full, more than {:.0} %",
                partition.id,
                full(partition) * 100.0,
                self.settings.split_utilisation * 100.0
            );
            self.split(view, partition, reason)
        };
        hot.iter().filter_map(split).take(self.settings.splits_max.min(room)).collect()
    }

    fn split(&self, view: &TableView, partition: &PartitionView, reason: String) -> Option<Action> {
        let Some(keys) = self.settings.sampled_keys else {
            return halve(partition, reason);
        };
        let loads: Vec<f64> = partition.cells.iter().map(|cell| cell.recent.total()).collect();
        let seed = self.settings.seed ^ view.now_ms as u64 ^ partition.id.0.rotate_left(32);
        let candidates = sample(&loads, keys, seed);
        halve_at(partition, reason, |boundary| candidates.contains(&boundary))
    }

    fn merges(&self, view: &TableView) -> Vec<Action> {
        let mut merges = Vec::new();
        let mut pairs = view.partitions.windows(2);
        while let Some(pair) = pairs.next() {
            let since = self.below_since.get(&(pair[0].id, pair[1].id));
            if since.is_some_and(|&since_ms| view.now_ms - since_ms >= self.settings.below_ms) {
                merges.push(merge(pair));
                // The right one is spoken for.
                pairs.next();
            }
        }
        merges
    }
}

impl Policy for Threshold {
    fn name(&self) -> &'static str {
        self.name
    }

    fn decide(&mut self, view: &TableView) -> Plan {
        self.follow(view);
        if view.busy {
            return Plan::hold("an earlier plan is still being carried out");
        }
        let splits = self.splits(view);
        let actions = if splits.is_empty() {
            self.merges(view)
        } else {
            self.last_split_ms = Some(view.now_ms);
            splits
        };
        match actions.first() {
            Some(first) => Plan { reason: first.reason.clone(), actions, alternatives: Vec::new() },
            None => Plan::hold("nobody has crossed a threshold for long enough"),
        }
    }
}

/// Keeps since when somebody has been among `now`, for those who still are.
fn keep<K: Ord>(since: &mut BTreeMap<K, i64>, now: Vec<K>, now_ms: i64) {
    let mut before = std::mem::take(since);
    for key in now {
        let since_ms = before.remove(&key).unwrap_or(now_ms);
        since.insert(key, since_ms);
    }
}

/// How full one partition would be with the load of two, by seconds and by minutes.
fn together(pair: &[PartitionView]) -> f64 {
    let load = |partition: &PartitionView| larger(partition.load_now, partition.load_recent);
    utilisation(load(&pair[0]) + load(&pair[1]), pair[0].capacity)
}

fn merge(pair: &[PartitionView]) -> Action {
    Action {
        sources: pair.iter().map(|partition| partition.id).collect(),
        range: KeyRange { start: pair[0].range.start.clone(), end: pair[1].range.end.clone() },
        boundaries: Vec::new(),
        kind: Kind::of(2, 1),
        trigger: Trigger::Idle,
        shares: vec![pair[0].load_recent + pair[1].load_recent],
        crossing_ms: None,
        benefit: 0.0,
        cost: 0.0,
        reason: format!("together {:.0} % full", together(pair) * 100.0),
    }
}

/// The cells of so many keys drawn by load.
fn sample(loads: &[f64], keys: u32, seed: u64) -> Vec<usize> {
    let total: f64 = loads.iter().sum();
    let cell = |key: u32| {
        let mut left = unit(seed.wrapping_add(u64::from(key))) * total;
        let found = loads.iter().position(|load| {
            left -= load;
            left < 0.0
        });
        found.unwrap_or(loads.len().saturating_sub(1))
    };
    (0..keys).map(cell).collect()
}

/// A number in 0..1 that depends on the seed alone (SplitMix64).
fn unit(seed: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{partition_in, range_between, table};
    use types::Units;

    fn halves(left: f64, right: f64, now_ms: i64) -> TableView {
        let mut view = table(vec![
            partition_in(1, range_between(0.0, 0.5), left),
            partition_in(2, range_between(0.5, 1.0), right),
        ]);
        view.now_ms = now_ms;
        view
    }

    #[test]
    fn cockroach_waits_ten_seconds_and_splits_once_a_minute() {
        let mut policy = Threshold::cockroach(1);
        assert!(policy.decide(&halves(0.9, 0.8, 0)).is_hold());
        assert!(policy.decide(&halves(0.9, 0.8, 9_999)).is_hold());
        let plan = policy.decide(&halves(0.9, 0.8, 10_000));
        assert_eq!(plan.actions.len(), 1);
        assert_eq!(plan.actions[0].sources, [PartitionId(1)], "the fuller one");
        assert!(policy.decide(&halves(0.9, 0.8, 69_000)).is_hold());
        assert!(!policy.decide(&halves(0.9, 0.8, 70_000)).is_hold());
    }

    #[test]
    fn a_pause_begins_the_ten_seconds_anew() {
        let mut policy = Threshold::cockroach(1);
        policy.decide(&halves(0.9, 0.1, 0));
        policy.decide(&halves(0.5, 0.1, 5_000));
        assert!(policy.decide(&halves(0.9, 0.1, 12_000)).is_hold());
    }

    #[test]
    fn neighbours_below_for_long_enough_are_merged() {
        let mut policy = Threshold::cockroach(1);
        assert!(policy.decide(&halves(0.1, 0.2, 0)).is_hold());
        let plan = policy.decide(&halves(0.1, 0.2, 300_000));
        assert_eq!(plan.actions[0].sources, [PartitionId(1), PartitionId(2)]);
        assert_eq!(plan.actions[0].children(), 1);
        let never = ThresholdSettings { merge_utilisation: None, ..Default::default() };
        let mut policy = Threshold::new("reactive-tuned", never);
        policy.decide(&halves(0.1, 0.2, 0));
        assert!(policy.decide(&halves(0.1, 0.2, 900_000)).is_hold());
    }

    #[test]
    fn the_split_point_is_one_of_the_samples() {
        let mut view = halves(0.9, 0.1, 0);
        // Everything in one cell: all samples lie there, and only its boundary is known.
        for (number, cell) in view.partitions[0].cells.iter_mut().enumerate() {
            cell.recent = if number == 5 { Units::write(90.0) } else { Units::ZERO };
        }
        let mut policy = Threshold::cockroach(1);
        policy.decide(&view);
        view.now_ms = 10_000;
        let plan = policy.decide(&view);
        let expected = view.partitions[0].cells[5].range.start.clone();
        assert_eq!(plan.actions[0].boundaries, [expected]);
    }
}
