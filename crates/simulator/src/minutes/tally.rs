//! What is counted while a case is played.

use super::table::{Flowed, Table};
use crate::report::Report;
use planner::tuning::DayCost;

const HOUR_MS: i64 = 3_600_000;
/// Fewer throttled invocations than this in a minute are none.
const THROTTLED_MIN: f64 = 0.5;

#[derive(Debug)]
pub(super) struct Tally {
    start_ms: i64,
    sum: Flowed,
    throttled_in_minute: f64,
    overload_minutes: u64,
    partition_ms: f64,
    counted_until_ms: i64,
    partitions_now: usize,
    partitions_max: usize,
    /// Writes that were held by cutovers.
    pub(super) held_writes: f64,
    pub(super) divisions: Vec<(i64, Vec<usize>)>,
    pub(super) throttled_hourly: Vec<f64>,
}

impl Tally {
    pub(super) fn new(start_ms: i64, table: &Table) -> Self {
        let mut tally = Self {
            start_ms,
            sum: Flowed::default(),
            throttled_in_minute: 0.0,
            overload_minutes: 0,
            partition_ms: 0.0,
            counted_until_ms: start_ms,
            partitions_now: 0,
            partitions_max: 0,
            held_writes: 0.0,
            divisions: Vec::new(),
            throttled_hourly: Vec::new(),
        };
        tally.changed(start_ms, table);
        tally
    }

    pub(super) fn flowed(&mut self, flowed: Flowed, at_ms: i64) {
        self.sum.requests += flowed.requests;
        self.sum.throttled += flowed.throttled;
        self.sum.given_up += flowed.given_up;
        self.throttled_in_minute += flowed.throttled;
        let hour = ((at_ms - self.start_ms) / HOUR_MS) as usize;
        if hour >= self.throttled_hourly.len() {
            self.throttled_hourly.resize(hour + 1, 0.0);
        }
        self.throttled_hourly[hour] += flowed.throttled;
    }

    pub(super) fn close_minute(&mut self) {
        self.overload_minutes += u64::from(self.throttled_in_minute >= THROTTLED_MIN);
        self.throttled_in_minute = 0.0;
    }

    /// The partitions that there were have been there until `now_ms`.
    pub(super) fn count_partitions(&mut self, now_ms: i64) {
        self.partition_ms += self.partitions_now as f64 * (now_ms - self.counted_until_ms) as f64;
        self.counted_until_ms = now_ms;
    }

    /// The table was divided anew.
    pub(super) fn changed(&mut self, at_ms: i64, table: &Table) {
        self.partitions_now = table.partitions.len();
        self.partitions_max = self.partitions_max.max(self.partitions_now);
        let starts = table.partitions.iter().map(|partition| partition.cells.start);
        self.divisions.push((at_ms, starts.collect()));
    }

    /// What it has cost until [`Self::count_partitions`] was last told, but for the actions.
    pub(super) fn so_far(&self) -> DayCost {
        DayCost {
            throttled: self.sum.throttled,
            partition_hours: self.partition_ms / HOUR_MS as f64,
            held_writes: self.held_writes,
            actions: 0.0,
        }
    }

    /// The figures that are counted here.
    pub(super) fn report(&self) -> Report {
        let whole = |count: f64| count.round() as u64;
        Report {
            requests: whole(self.sum.requests),
            throttled: whole(self.sum.throttled),
            throttled_share: self.sum.throttled / self.sum.requests.max(1.0),
            given_up: whole(self.sum.given_up),
            overload_minutes: self.overload_minutes,
            partition_hours: self.partition_ms / HOUR_MS as f64,
            partitions_max: self.partitions_max,
            partitions_end: self.partitions_now,
            held_writes: whole(self.held_writes),
            ..Report::default()
        }
    }
}
