//! What was decided, on what grounds, and afterwards whether it was right.
//!
//! A [`Decision`] is written before its action starts and holds all that it was based on. Later,
//! when the load it spoke of has come, [`outcome`] judges it by the definitions of the evaluation:
//! an action was *in time* if it finished before the first throttle that would have come without
//! it, and *needless* if without it the load would have stayed under capacity until the next
//! chance to merge. Both are pure functions of data; who stores it is the manager's business.

use crate::bucket::{BURST_S, Buckets};
use crate::load::{larger, utilisation};
use crate::plan::{Action, Alternative, Plan, Trigger};
use crate::score::Score;
use crate::settings::MergeSettings;
use crate::view::{Limits, PartitionView, TableView};
use serde::{Deserialize, Serialize};
use types::{TableId, Units};

/// One action with its grounds, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Given by the journal; rising.
    pub id: u64,
    /// When it was made.
    pub at_ms: i64,
    /// About which table.
    pub table: TableId,
    /// Its name.
    pub table_name: String,
    /// By which policy.
    pub policy: String,
    /// Whether requests are refused above capacity.
    pub limits: Limits,
    /// What is done.
    pub action: Action,
    /// The partitions it concerns as they were seen, with their forecasts. Their cells are left
    /// out; the boundaries that came of them are in the action.
    pub inputs: Vec<PartitionView>,
    /// Their scores.
    pub scores: Vec<Score>,
    /// What else was considered.
    pub alternatives: Vec<Alternative>,
}

impl Decision {
    /// The decisions of a plan, one per action, numbered from `first_id`.
    pub fn of_plan(
        first_id: u64,
        policy: &str,
        view: &TableView,
        scores: &[Score],
        plan: &Plan,
    ) -> Vec<Self> {
        let one = |(offset, action): (u64, &Action)| {
            let concerned = |id| action.sources.contains(&id);
            Self {
                id: first_id + offset,
                at_ms: view.now_ms,
                table: view.table,
                table_name: view.name.clone(),
                policy: policy.into(),
                limits: view.limits,
                action: action.clone(),
                inputs: view
                    .partitions
                    .iter()
                    .filter(|partition| concerned(partition.id))
                    .map(|partition| PartitionView { cells: Vec::new(), ..partition.clone() })
                    .collect(),
                scores: scores.iter().filter(|score| concerned(score.partition)).cloned().collect(),
                alternatives: plan.alternatives.clone(),
            }
        };
        (first_id..).zip(&plan.actions).map(|(id, action)| one((id - first_id, action))).collect()
    }

    /// When the load is expected to exceed capacity, if the decision expects it at all.
    pub fn expected_crossing_ms(&self) -> Option<i64> {
        self.action.crossing_ms
    }

    /// Whether it puts partitions together.
    pub fn is_merge(&self) -> bool {
        self.action.children() < self.action.sources.len()
    }

    /// Up to when the load decides whether it was right: of a split the next chance to merge, of a
    /// merge the time in which it pays back.
    pub fn judged_until_ms(&self, merge: &MergeSettings) -> i64 {
        let for_ms = if self.is_merge() { merge.payback_ms } else { merge.cycle_min_ms };
        self.at_ms + for_ms
    }

    /// The capacity that would have had to do without the action (of a merge: that has to do with
    /// it): one partition's per partition. Of several partitions that are cut together the sum is
    /// looked at, as if boundaries between them were in the right places.
    fn capacity(&self) -> Units {
        if self.is_merge() {
            let one = self.inputs.first().map_or(Units::ZERO, |input| input.capacity);
            crate::load::scale(one, self.action.children() as f64)
        } else {
            self.inputs.iter().map(|input| input.capacity).sum()
        }
    }

    /// The burst credit there was when it was made; full buckets if nobody knows.
    fn credit(&self) -> Option<Units> {
        self.inputs.iter().map(|input| input.credit).sum::<Option<Units>>()
    }
}

/// The load that really came, on the keys an action concerned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadSeries {
    /// When the first bin begins.
    pub start_ms: i64,
    /// How long a bin is.
    pub bin_ms: i64,
    /// Demand per bin, in units per second.
    pub loads: Vec<Units>,
}

impl LoadSeries {
    /// Puts the collector's series of reads and writes together; both must cover the same bins.
    pub fn new(start_ms: i64, bin_ms: i64, reads: &[f64], writes: &[f64]) -> Self {
        let pair = |(&read, &write): (&f64, &f64)| Units { read, write };
        Self { start_ms, bin_ms, loads: reads.iter().zip(writes).map(pair).collect() }
    }

    /// When the last bin ends.
    pub fn end_ms(&self) -> i64 {
        self.start_ms + self.bin_ms * self.loads.len() as i64
    }

    fn bins(&self) -> impl Iterator<Item = (i64, Units)> {
        let start = |i: usize| self.start_ms + self.bin_ms * i as i64;
        self.loads.iter().enumerate().map(move |(i, &load)| (start(i), load))
    }
}

/// How a decision turned out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The verdict.
    pub judgement: Judgement,
    /// When the action was finished.
    pub finished_ms: i64,
    /// Up to when the load that came was looked at.
    pub until_ms: i64,
    /// When the load first exceeded the capacity that would have had to carry it.
    pub crossing_ms: Option<i64>,
    /// When, with the burst credit there was, the first request would have been throttled.
    pub throttle_ms: Option<i64>,
    /// From the end of the action to the crossing; negative if it came too late.
    pub lead_ms: Option<i64>,
    /// The fullest bin, as a share of that capacity.
    pub peak: f64,
    /// The units above that capacity: what would have had to wait, be saved up or be refused.
    pub excess: f64,
}

/// The verdict on a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// A split that finished before the first throttle that would have come without it.
    InTime,
    /// A split that finished only after that.
    Late,
    /// A split before a load above capacity that burst credit alone would just have carried.
    Absorbed,
    /// A split without which the load would have stayed under capacity.
    Needless,
    /// A merge that held: the merged partition was never over capacity.
    Held,
    /// A merge after which the load exceeded the merged partition's capacity before it had paid.
    Regretted,
    /// Too little has been seen to tell.
    Open,
}

/// Judges a decision by the load that came, from the decision until `until_ms`
/// ([`Decision::judged_until_ms`]).
///
/// `actual` is the demand on the keys of the action and may begin earlier and end later. Bins of
/// five minutes are a fair choice: at low rates, shorter ones cross any line by chance.
pub fn outcome(
    decision: &Decision,
    finished_ms: i64,
    actual: &LoadSeries,
    until_ms: i64,
) -> Outcome {
    let capacity = decision.capacity();
    let from_ms = if decision.is_merge() { finished_ms } else { decision.at_ms };
    let relevant =
        |(start_ms, _): &(i64, Units)| *start_ms + actual.bin_ms > from_ms && *start_ms < until_ms;
    let bins: Vec<(i64, Units)> = actual.bins().filter(relevant).collect();
    let over = |(_, load): &&(i64, Units)| utilisation(*load, capacity) > 1.0;
    let crossing_ms = bins.iter().find(over).map(|(start_ms, _)| *start_ms);
    let throttle_ms = first_throttle(decision, &bins, actual.bin_ms);
    let peak = bins.iter().map(|(_, load)| *load).fold(Units::ZERO, larger);
    let seconds = actual.bin_ms as f64 / 1000.0;
    Outcome {
        judgement: judge(
            decision,
            finished_ms,
            crossing_ms,
            throttle_ms,
            actual.end_ms() >= until_ms,
        ),
        finished_ms,
        until_ms,
        crossing_ms,
        throttle_ms,
        lead_ms: crossing_ms.filter(|_| !decision.is_merge()).map(|ms| ms - finished_ms),
        peak: utilisation(peak, capacity),
        excess: bins.iter().map(|(_, load)| crate::load::excess(*load, capacity) * seconds).sum(),
    }
}

fn judge(
    decision: &Decision,
    finished_ms: i64,
    crossing_ms: Option<i64>,
    throttle_ms: Option<i64>,
    complete: bool,
) -> Judgement {
    match (decision.is_merge(), crossing_ms, throttle_ms) {
        (true, Some(_), _) => Judgement::Regretted,
        (true, None, _) if complete => Judgement::Held,
        (false, _, Some(throttle_ms)) if finished_ms <= throttle_ms => Judgement::InTime,
        (false, _, Some(_)) => Judgement::Late,
        (false, Some(_), None) if complete => Judgement::Absorbed,
        (false, None, None) if complete => Judgement::Needless,
        _ => Judgement::Open,
    }
}

/// When the bucket of the old partition (of a merge: of the new one) would first have been empty,
/// to the millisecond within a bin of constant load.
///
/// Refused requests are taken out of the load by nobody here: only the first one matters.
fn first_throttle(decision: &Decision, bins: &[(i64, Units)], bin_ms: i64) -> Option<i64> {
    if decision.limits == Limits::Off {
        return None;
    }
    let capacity = decision.capacity();
    let (first_ms, _) = bins.first()?;
    let mut buckets = match decision.credit() {
        Some(credit) => Buckets::at_level(credit, capacity, BURST_S, *first_ms),
        None => Buckets::full(capacity, BURST_S, *first_ms),
    };
    for &(start_ms, load) in bins {
        let level = buckets.level(start_ms);
        let seconds = bin_ms as f64 / 1000.0;
        let empty_s = seconds_to_empty(level.read, load.read, capacity.read).min(seconds_to_empty(
            level.write,
            load.write,
            capacity.write,
        ));
        if empty_s < seconds {
            return Some(start_ms + (empty_s * 1000.0) as i64);
        }
        buckets.read.debit(load.read * seconds);
        buckets.write.debit(load.write * seconds);
        buckets.level(start_ms + bin_ms);
    }
    None
}

fn seconds_to_empty(level: f64, load: f64, capacity: f64) -> f64 {
    if load > capacity { level.max(0.0) / (load - capacity) } else { f64::INFINITY }
}

/// Whether an action came from looking ahead: what lead times are counted for.
pub fn is_preemptive(action: &Action) -> bool {
    action.trigger == Trigger::Forecast
}

#[cfg(test)]
mod tests;
