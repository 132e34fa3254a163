//! The part of a view that is looked up rather than forecast: the last seconds, minutes and hours.

use super::{Controller, PartitionFacts};
use crate::load::utilisation;
use crate::policy::Policy;
use crate::view::{CellView, PartitionView};
use types::{KeyRange, TableId, Units};
use workload::{Channel, Collector, RateSeries, Timeline, Window};

/// How far back a partition is looked at for being at its limit without interruption.
const AT_LIMIT_LOOK_BACK_MS: i64 = 3_600_000;
/// How many of a table's most loaded keys are asked for.
const HOT_KEYS_MAX: usize = 32;

impl<P: Policy> Controller<P> {
    /// Brings the view's observations up to date; everything if `all`, else what is cheap.
    pub(super) fn observe(&mut self, collector: &Collector, facts: &[PartitionFacts], all: bool) {
        let now_ms = self.view.now_ms;
        if all || now_ms >= self.next_refresh_ms {
            self.next_refresh_ms = now_ms + self.settings.refresh_ms;
            self.refresh(collector, facts);
        }
        for (partition, facts) in self.view.partitions.iter_mut().zip(facts) {
            partition.credit = facts.credit;
            partition.capacity = facts.capacity;
            partition.size_bytes = facts.size_bytes;
        }
        let ranges: Vec<KeyRange> = facts.iter().map(|facts| facts.range.clone()).collect();
        let Some(seconds) = collector.timeline(self.view.table, Window::FiveMinutes) else {
            return;
        };
        let (loads, throttled) = means(seconds, &ranges, self.settings.now_ms);
        for ((partition, load), throttled) in
            self.view.partitions.iter_mut().zip(loads).zip(throttled)
        {
            partition.load_now = load;
            partition.throttled_now = throttled;
        }
    }

    /// Makes the partitions' views anew.
    fn refresh(&mut self, collector: &Collector, facts: &[PartitionFacts]) {
        let ranges: Vec<KeyRange> = facts.iter().map(|facts| facts.range.clone()).collect();
        let table = self.view.table;
        let recent = recent_loads(
            collector,
            table,
            self.cells.cells(),
            self.settings.recent_ms,
        );
        let at_limit = self.at_limit(collector, facts, &ranges);
        let top_shares: Vec<f64> = facts
            .iter()
            .map(|facts| {
                let known = self
                    .view
                    .partitions
                    .iter()
                    .find(|partition| partition.id == facts.id);
                known.map_or(0.0, |partition| partition.top_key_share)
            })
            .collect();
        let mut partitions = Vec::with_capacity(facts.len());
        for (i, facts) in facts.iter().enumerate() {
            let within = self.cells_of(&facts.range);
            let mut partition = self.partition_view(i, facts);
            partition.at_limit_ms = at_limit.get(i).copied().unwrap_or(0);
            partition.top_key_share = top_shares[i];
            partition.cells = self.cell_views(&partition, within, &recent);
            partition.load_recent = partition.cells.iter().map(|cell| cell.recent).sum();
            partitions.push(partition);
        }
        self.view.partitions = partitions;
    }

    fn partition_view(&self, index: usize, facts: &PartitionFacts) -> PartitionView {
        let tracked = &self.tracked[index];
        let now_ms = self.view.now_ms;
        let forecast = &self.settings.forecast;
        let horizon_ms = forecast.bin_ms * forecast.horizon_steps as i64;
        let merged = self
            .merged
            .iter()
            .filter(|(range, _)| range.intersection(&facts.range).is_some());
        PartitionView {
            id: facts.id,
            range: facts.range.clone(),
            capacity: facts.capacity,
            credit: facts.credit,
            load_now: Units::ZERO,
            load_recent: Units::ZERO,
            load_day_max: tracked.day_max(),
            season_max: tracked.season_max(now_ms, self.settings.payback_ms),
            at_limit_ms: 0,
            throttled_now: 0.0,
            read: tracked.read().clone(),
            write: tracked.write().clone(),
            cells: Vec::new(),
            size_bytes: facts.size_bytes,
            forecast_size_bytes: tracked.size_ahead(facts.size_bytes, now_ms, horizon_ms),
            top_key_share: 0.0,
            created_ms: facts.created_ms,
            merged_ms: merged.map(|(_, merged_ms)| *merged_ms).max(),
        }
    }

    /// The numbers of the cells that begin in `range`; every partition boundary is a cell boundary.
    fn cells_of(&self, range: &KeyRange) -> std::ops::Range<usize> {
        let cells = self.cells.cells();
        let first = cells.partition_point(|cell| cell.start < range.start);
        let end = range.end.as_ref();
        let last = end.map_or(cells.len(), |end| {
            cells.partition_point(|cell| cell.start < *end)
        });
        first..last
    }

    fn cell_views(
        &self,
        partition: &PartitionView,
        within: std::ops::Range<usize>,
        recent: &[Units],
    ) -> Vec<CellView> {
        let quantile = self.settings.score.quantile;
        let steps: Vec<Vec<Units>> = (0..partition.steps())
            .map(|step| {
                self.cells
                    .spread(step, partition.forecast_at(step, quantile), within.clone())
            })
            .collect();
        within
            .enumerate()
            .map(|(i, cell)| {
                let range = &self.cells.cells()[cell];
                CellView {
                    range: range.clone(),
                    recent: recent.get(cell).copied().unwrap_or(Units::ZERO),
                    forecast: steps.iter().map(|loads| loads[i]).collect(),
                    single_key: is_single_key(range),
                }
            })
            .collect()
    }

    /// For how long each partition has been at its limit, minute by minute back from now.
    fn at_limit(
        &self,
        collector: &Collector,
        facts: &[PartitionFacts],
        ranges: &[KeyRange],
    ) -> Vec<i64> {
        let Some(minutes) = collector.timeline(self.view.table, Window::Day) else {
            return Vec::new();
        };
        let from_ms = minutes.end_ms() - AT_LIMIT_LOOK_BACK_MS;
        let reads = minutes.matrix(ranges, Channel::ReadUnits, from_ms);
        let writes = minutes.matrix(ranges, Channel::WriteUnits, from_ms);
        let throttles = minutes.matrix(ranges, Channel::Throttles, from_ms);
        let limited = |partition: usize, minute: usize| {
            let load = Units {
                read: reads[partition].values[minute],
                write: writes[partition].values[minute],
            };
            let full = utilisation(load, facts[partition].capacity);
            full >= self.settings.at_limit_utilisation || throttles[partition].values[minute] > 0.0
        };
        (0..ranges.len())
            .map(|partition| {
                let minutes_seen = reads[partition].values.len();
                let run = (0..minutes_seen)
                    .rev()
                    .take_while(|&m| limited(partition, m))
                    .count();
                run as i64 * minutes.bin_ms()
            })
            .collect()
    }

    /// How much of each partition's load its most loaded key has.
    pub(super) fn weigh_keys(&mut self, collector: &Collector) {
        let hot = collector.hot_keys(self.view.table, Window::Hour, HOT_KEYS_MAX);
        let Some(hour) = collector.timeline(self.view.table, Window::Hour) else {
            return;
        };
        let ranges: Vec<KeyRange> = self
            .view
            .partitions
            .iter()
            .map(|p| p.range.clone())
            .collect();
        let (loads, _) = means(hour, &ranges, 3_600_000);
        for (partition, load) in self.view.partitions.iter_mut().zip(loads) {
            let inside = hot
                .iter()
                .filter(|key| partition.range.contains(key.storage_key.as_bytes()));
            let top = inside
                .map(|key| key.read_units + key.write_units)
                .fold(0.0, f64::max);
            let share = if load.total() > 0.0 {
                top / load.total()
            } else {
                0.0
            };
            // The sketch may overstate a key, never beyond all there is.
            partition.top_key_share = share.min(1.0);
        }
    }
}

/// The mean load of each cell over the last `recent_ms`.
fn recent_loads(
    collector: &Collector,
    table: TableId,
    cells: &[KeyRange],
    recent_ms: i64,
) -> Vec<Units> {
    match collector.timeline(table, Window::Hour) {
        Some(hour) => means(hour, cells, recent_ms).0,
        None => Vec::new(),
    }
}

/// Mean load and throttles per second over the last `length_ms`.
fn means(timeline: &Timeline, ranges: &[KeyRange], length_ms: i64) -> (Vec<Units>, Vec<f64>) {
    let from_ms = timeline.end_ms() - length_ms;
    let mean = |series: RateSeries| {
        let count = series.values.len().max(1) as f64;
        series.values.iter().sum::<f64>() / count
    };
    let channel = |channel| {
        timeline
            .matrix(ranges, channel, from_ms)
            .into_iter()
            .map(mean)
    };
    let pairs = channel(Channel::ReadUnits).zip(channel(Channel::WriteUnits));
    let loads = pairs.map(|(read, write)| Units { read, write }).collect();
    (loads, channel(Channel::Throttles).collect())
}

/// Whether no boundary divides a range: it is one hash wide, or one key.
fn is_single_key(range: &KeyRange) -> bool {
    let Some(end) = &range.end else { return false };
    let start = range.start.as_ref();
    let next_key = end.len() == start.len() + 1 && end.starts_with(start) && end.ends_with(&[0]);
    let number = |key: &[u8]| <[u8; 8]>::try_from(key).map(u64::from_be_bytes);
    let next_hash = match (number(start), number(end)) {
        (Ok(start), Ok(end)) => end - start <= 1,
        _ => false,
    };
    next_key || next_hash
}
