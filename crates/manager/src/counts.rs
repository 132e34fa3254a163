//! What metrics are made of: the partitions as they are, and what re-partitionings took since the start.

use crate::Manager;
use crate::by_hand;
use crate::journal::{Entry, State, Timing};
use forecast::Outlook;
use parking_lot::Mutex;
use planner::plan::Trigger;
use planner::view::PartitionView;
use std::collections::BTreeMap;
use types::{PartitionId, Units};

/// Partitions that have metrics of their own: the fullest. A scrape must stay readable.
pub const PARTITIONS_MAX: usize = 1_000;
/// The upper bounds of durations, in milliseconds, doubled each time; the last is infinite.
const POWERS: usize = 17;

/// Everything the manager has for `/metrics`.
#[derive(Debug)]
pub struct ManagerMetrics {
    /// The fullest partitions.
    pub partitions: Vec<PartitionMetrics>,
    /// What was carried out since the start, by action and trigger.
    pub actions: Vec<ActionMetrics>,
    /// Anomalies that go on.
    pub anomalies_open: usize,
    /// Whether an operator holds the planner up.
    pub paused: bool,
}

/// One partition.
#[derive(Clone, Debug)]
pub struct PartitionMetrics {
    /// The table's name.
    pub table: String,
    /// The partition.
    pub partition: PartitionId,
    /// Demand of the last seconds.
    pub load: Units,
    /// What it can serve.
    pub capacity: Units,
    /// The highest forecast within the horizon, at the quantile that is planned with.
    pub forecast: Units,
    /// Requests throttled per second.
    pub throttled_per_s: f64,
    /// The re-partitioning score.
    pub score: f64,
    /// The probability that the coming hour exceeds capacity.
    pub degradation_probability: f64,
    /// Stored bytes.
    pub size_bytes: u64,
    /// How the forecasts of reads and of writes did lately; `None` where nothing is forecast.
    pub accuracy: [Option<Accuracy>; 2],
}

/// How a forecast did lately.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Mean pinball loss at the decision quantile, in units per second.
    pub pinball: f64,
    /// The share of bins at or below the decision quantile.
    pub coverage: f64,
}

/// Re-partitionings of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionMetrics {
    /// `split`, `merge`, `shift` or `reslice`.
    pub action: &'static str,
    /// What made the policy act, as it is written.
    pub trigger: &'static str,
    /// So many failed and were undone.
    pub failed: u64,
    /// How long those that were done took.
    pub total: Durations,
    /// How long writes waited for them.
    pub pause: Durations,
}

/// Durations by powers of two.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations {
    counts: [u64; POWERS],
    sum_ms: f64,
}

/// The counts by action and trigger.
#[derive(Debug, Default)]
pub(crate) struct ActionCounts(Mutex<BTreeMap<(&'static str, &'static str), ActionMetrics>>);

impl Durations {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All together, in milliseconds.
    pub fn sum_ms(&self) -> f64 {
        self.sum_ms
    }

    /// Upper bounds in milliseconds, the last infinite, and what lies below them and above the one
    /// before.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bound =
            |power| if power + 1 < POWERS { 2_f64.powi(power as i32) } else { f64::INFINITY };
        self.counts.iter().enumerate().map(move |(power, count)| (bound(power), *count))
    }

    fn push(&mut self, ms: f64) {
        let power = ms.max(1.0).log2().ceil() as usize;
        self.counts[power.min(POWERS - 1)] += 1;
        self.sum_ms += ms;
    }
}

impl ActionCounts {
    /// Counts an action that has ended.
    pub(crate) fn note(&self, entry: &Entry) {
        let action = &entry.decision.action;
        self.add(by_hand::name(action), trigger_name(action.trigger), entry.state, entry.timing);
    }

    fn add(&self, action: &'static str, trigger: &'static str, state: State, took: Option<Timing>) {
        let mut counts = self.0.lock();
        let counted = counts.entry((action, trigger)).or_insert_with(|| ActionMetrics {
            action,
            trigger,
            failed: 0,
            total: Durations::default(),
            pause: Durations::default(),
        });
        match (state, took) {
            (State::Done, Some(timing)) => {
                counted.total.push(timing.total_ms);
                counted.pause.push(timing.pause_ms);
            }
            _ => counted.failed += 1,
        }
    }
}

fn trigger_name(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Forecast => "forecast",
        Trigger::Floor => "floor",
        Trigger::Observed => "observed",
        Trigger::Idle => "idle",
        Trigger::Manual => "manual",
        Trigger::Warm => "warm",
    }
}

impl Manager {
    /// What metrics are made of.
    pub fn metrics(&self) -> ManagerMetrics {
        let quantile = self.shared.score.load().quantile;
        let snapshots = self.shared.snapshots.load();
        let mut partitions: Vec<PartitionMetrics> = Vec::new();
        for snapshot in snapshots.values() {
            for view in &snapshot.view.partitions {
                let score = snapshot.scores.iter().find(|score| score.partition == view.id);
                partitions.push(PartitionMetrics {
                    table: snapshot.view.name.clone(),
                    partition: view.id,
                    load: view.load_now,
                    capacity: view.capacity,
                    forecast: view.forecast_max(quantile),
                    throttled_per_s: view.throttled_now,
                    score: score.map_or(0.0, |score| score.total),
                    degradation_probability: score.map_or(0.0, |s| s.degradation_probability),
                    size_bytes: view.size_bytes,
                    accuracy: accuracy(view),
                });
            }
        }
        let full = |p: &PartitionMetrics| {
            let of = |load: Units| {
                (load.read / p.capacity.read).max(load.write / p.capacity.write).max(0.0)
            };
            of(p.load).max(of(p.forecast))
        };
        partitions.sort_by(|a, b| full(b).total_cmp(&full(a)));
        partitions.truncate(PARTITIONS_MAX);
        ManagerMetrics {
            partitions,
            actions: self.shared.counts.0.lock().values().cloned().collect(),
            anomalies_open: {
                let log = self.shared.anomalies.lock();
                log.entries().filter(|entry| entry.anomaly.end_ms.is_none()).count()
            },
            paused: self.is_paused(),
        }
    }
}

fn accuracy(view: &PartitionView) -> [Option<Accuracy>; 2] {
    let of = |outlook: &Outlook| {
        let error = outlook.forecast()?.recent_error;
        Some(Accuracy { pinball: error.pinball, coverage: error.coverage })
    };
    [of(&view.read), of(&view.write)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_lie_between_their_bounds() {
        let mut durations = Durations::default();
        for ms in [0.2, 1.0, 1.5, 2.0, 1e9] {
            durations.push(ms);
        }
        let buckets: Vec<(f64, u64)> = durations.buckets().collect();
        assert_eq!(buckets[..2], [(1.0, 2), (2.0, 2)]);
        assert_eq!(buckets[POWERS - 1], (f64::INFINITY, 1));
        assert_eq!((durations.count(), buckets.iter().map(|b| b.1).sum::<u64>()), (5, 5));
    }

    #[test]
    fn what_failed_has_no_duration() {
        let counts = ActionCounts::default();
        let timing = Timing { total_ms: 50.0, pause_ms: 30.0, ..Timing::default() };
        counts.add("split", "floor", State::Done, Some(timing));
        counts.add("split", "floor", State::Failed, None);
        let counted = counts.0.lock();
        let split = &counted[&("split", "floor")];
        assert_eq!((split.failed, split.total.count(), split.pause.sum_ms()), (1, 1, 30.0));
    }
}
