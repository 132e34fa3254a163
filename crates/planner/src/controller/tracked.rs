//! What is remembered about one partition between ticks.

use super::PartitionFacts;
use super::lane::Lane;
use crate::load::utilisation;
use forecast::{ForecastSettings, Network, Outlook};
use std::sync::Arc;
use types::{KeyRange, PartitionId, Units};
use workload::{Channel, Timeline};

/// Stored bytes are extrapolated only after this long.
const GROWTH_SEEN_MIN_MS: i64 = 3_600_000;

/// How far back a new partition's keys are looked at for being at the limit.
const AT_LIMIT_LOOK_BACK_MS: i64 = 3_600_000;

/// One partition with its forecasters.
#[derive(Debug)]
pub(super) struct Tracked {
    id: PartitionId,
    range: KeyRange,
    read: Lane,
    write: Lane,
    first_size: (i64, u64),
    /// Up to when minutes were looked at for being at the limit, and for how long it has been.
    limited_until_ms: i64,
    at_limit_ms: i64,
}

impl Tracked {
    pub(super) fn new(facts: &PartitionFacts, now_ms: i64) -> Self {
        Self {
            id: facts.id,
            range: facts.range.clone(),
            read: Lane::new(Channel::ReadUnits, now_ms),
            write: Lane::new(Channel::WriteUnits, now_ms),
            first_size: (now_ms, facts.size_bytes),
            limited_until_ms: now_ms - AT_LIMIT_LOOK_BACK_MS,
            at_limit_ms: 0,
        }
    }

    pub(super) fn id(&self) -> PartitionId {
        self.id
    }

    pub(super) fn read(&self) -> &Outlook {
        self.read.outlook()
    }

    pub(super) fn write(&self) -> &Outlook {
        self.write.outlook()
    }

    /// Forecasts with the shared network, too, from now on.
    pub(super) fn adopt(&mut self, network: &Arc<Network>) {
        self.read.adopt(network);
        self.write.adopt(network);
    }

    /// Builds the forecasters if they are not and the budget allows, feeds them otherwise; says
    /// whether a forecast changed.
    pub(super) fn foresee(
        &mut self,
        history: &Timeline,
        settings: &ForecastSettings,
        network: Option<&Arc<Network>>,
        builds_left: &mut usize,
    ) -> bool {
        if self.read.is_built() {
            let read = self.read.feed(history, &self.range, settings);
            return self.write.feed(history, &self.range, settings) || read;
        }
        let build = *builds_left > 0;
        if build {
            *builds_left -= 1;
            self.read.build(history, &self.range, settings, network);
            self.write.build(history, &self.range, settings, network);
        }
        build
    }

    /// For how long the partition has been at its limit without interruption.
    pub(super) fn at_limit_ms(&self) -> i64 {
        self.at_limit_ms
    }

    /// Looks at the minutes that have closed since: whether demand filled `capacity` to `full` or
    /// more, or somebody was throttled.
    pub(super) fn follow_limit(&mut self, minutes: &Timeline, capacity: Units, full: f64) {
        if minutes.end_ms() < self.limited_until_ms + minutes.bin_ms() {
            return;
        }
        let series = |channel| minutes.series_from(&self.range, channel, self.limited_until_ms);
        let (reads, writes) = (series(Channel::ReadUnits), series(Channel::WriteUnits));
        let throttles = series(Channel::Throttles);
        for minute in 0..throttles.values.len() {
            let load = Units { read: reads.values[minute], write: writes.values[minute] };
            if utilisation(load, capacity) >= full || throttles.values[minute] > 0.0 {
                self.at_limit_ms += minutes.bin_ms();
            } else {
                self.at_limit_ms = 0;
            }
        }
        self.limited_until_ms = minutes.end_ms();
    }

    /// The highest loads in the `payback_ms` that followed this moment a day and a week ago;
    /// `None` if neither is on record.
    pub(super) fn season_max(&self, now_ms: i64, payback_ms: i64) -> Option<Units> {
        let ago = |days: i64| {
            let from_ms = now_ms - days * 24 * 3_600_000;
            let read = self.read.highest(from_ms, from_ms + payback_ms)?;
            Some(Units { read, write: self.write.highest(from_ms, from_ms + payback_ms)? })
        };
        match (ago(1), ago(7)) {
            (Some(day), Some(week)) => Some(crate::load::larger(day, week)),
            (day, week) => day.or(week),
        }
    }

    /// The highest bins of the last day.
    pub(super) fn day_max(&self) -> Units {
        Units { read: self.read.highest_of_day(), write: self.write.highest_of_day() }
    }

    /// Stored bytes at the end of the horizon, if they go on growing as they have since the
    /// partition was first seen. Shrinking is not extrapolated.
    pub(super) fn size_ahead(&self, size_bytes: u64, now_ms: i64, horizon_ms: i64) -> u64 {
        let (first_ms, first_bytes) = self.first_size;
        let passed_ms = now_ms - first_ms;
        if passed_ms < GROWTH_SEEN_MIN_MS {
            return size_bytes;
        }
        let grown = size_bytes.saturating_sub(first_bytes) as f64;
        size_bytes + (grown * horizon_ms as f64 / passed_ms as f64) as u64
    }
}
