//! What is remembered about one partition between ticks.

use super::PartitionFacts;
use super::lane::{Lane, Measure};
use crate::load::utilisation;
use crate::view::Beside;
use forecast::{ForecastSettings, Network, Outlook, Quantile, StoredSize};
use std::sync::Arc;
use types::{KeyRange, PartitionId, Units};
use workload::{Channel, Timeline};

/// How far back a new partition's keys are looked at for being at the limit.
const AT_LIMIT_LOOK_BACK_MS: i64 = 3_600_000;

/// One partition with its forecasters.
#[derive(Debug)]
pub(super) struct Tracked {
    id: PartitionId,
    range: KeyRange,
    read: Lane,
    write: Lane,
    bytes_per_request: Lane,
    peak_units: Lane,
    stored: StoredSize,
    /// Up to when minutes were looked at for being at the limit, and for how long it has been.
    limited_until_ms: i64,
    at_limit_ms: i64,
}

impl Tracked {
    pub(super) fn new(facts: &PartitionFacts, now_ms: i64, bin_ms: i64) -> Self {
        Self {
            id: facts.id,
            range: facts.range.clone(),
            read: Lane::new(Measure::Reads, now_ms),
            write: Lane::new(Measure::Writes, now_ms),
            bytes_per_request: Lane::new(Measure::BytesPerRequest, now_ms),
            peak_units: Lane::new(Measure::PeakUnits, now_ms),
            stored: StoredSize::new(bin_ms),
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
        let build = !self.read.is_built();
        if build && *builds_left == 0 {
            return false;
        }
        *builds_left -= usize::from(build);
        let mut changed = build;
        for lane in
            [&mut self.read, &mut self.write, &mut self.bytes_per_request, &mut self.peak_units]
        {
            match build {
                true => lane.build(history, &self.range, settings, network),
                false => changed |= lane.feed(history, &self.range, settings),
            }
        }
        changed
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

    /// Takes the stored bytes of this moment.
    pub(super) fn weigh(&mut self, now_ms: i64, size_bytes: u64) {
        self.stored.push(now_ms, size_bytes);
    }

    /// What is forecast beside the rates.
    pub(super) fn beside(&self, horizon_steps: usize) -> Beside {
        Beside {
            bytes_per_request: self.bytes_per_request.outlook().clone(),
            peak_units: self.peak_units.outlook().clone(),
            stored_bytes: self.stored.forecast(horizon_steps),
        }
    }
}

/// Stored bytes at the end of the horizon at `quantile`. That something will be removed is not
/// relied upon.
pub(super) fn size_ahead(beside: &Beside, size_bytes: u64, quantile: Quantile) -> u64 {
    let last = beside.stored_bytes.steps.last();
    last.map_or(0, |step| step.at(quantile).ceil() as u64).max(size_bytes)
}
