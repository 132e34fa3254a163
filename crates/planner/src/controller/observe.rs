//! The part of a view that is looked up rather than forecast: the last seconds, minutes and hours.

use super::hot_keys::carve;
use super::tracked::size_ahead;
use super::{Controller, PartitionFacts};
use crate::load::utilisation;
use crate::policy::Policy;
use crate::view::{CellView, PartitionView, is_single_key};
use types::{KeyRange, Units};
use workload::{Channel, Collector, HotKey, RateSeries, Timeline, Window};

/// From how long a "now" on tens of seconds are fine enough for it.
const COARSE_NOW_MIN_MS: i64 = 60_000;
/// How many of a table's most loaded keys are asked for.
const HOT_KEYS_MAX: usize = 32;

impl<P: Policy> Controller<P> {
    /// Brings the view's observations up to date: the last seconds always, minutes and cells if
    /// `all`, or often while a partition is nearly full.
    pub(super) fn observe(&mut self, collector: &Collector, facts: &[PartitionFacts], all: bool) {
        let now_ms = self.view.now_ms;
        let loads = match collector.timeline(self.view.table, self.now_window()) {
            Some(seconds) => loads(seconds, &self.ranges, self.settings.now_ms),
            None => vec![Units::ZERO; facts.len()],
        };
        let nearly_full = |(&load, facts): (&Units, &PartitionFacts)| {
            utilisation(load, facts.capacity) > self.settings.hot_utilisation
        };
        let hot = loads.iter().zip(facts).any(nearly_full);
        // A load that has just come is looked at closely at once: where it is decides how to cut.
        let just_now = hot && !self.was_hot;
        self.was_hot = hot;
        if all || just_now || (hot && now_ms >= self.next_refresh_ms) {
            self.next_refresh_ms = now_ms + self.settings.refresh_ms;
            self.refresh(collector, facts);
        }
        for ((partition, facts), load) in self.view.partitions.iter_mut().zip(facts).zip(loads) {
            partition.load_now = load;
            partition.credit = facts.credit;
            partition.capacity = facts.capacity;
            partition.size_bytes = facts.size_bytes;
        }
    }

    /// Where "now" is looked up: in seconds, or in tens of seconds if it is long enough for those.
    fn now_window(&self) -> Window {
        let coarse = self.settings.now_ms >= COARSE_NOW_MIN_MS;
        if coarse { Window::Hour } else { Window::FiveMinutes }
    }

    /// Makes the partitions' views anew.
    fn refresh(&mut self, collector: &Collector, facts: &[PartitionFacts]) {
        let table = self.view.table;
        if let Some(hour) = collector.timeline(table, Window::Hour) {
            self.recent.follow(hour, self.cells.cells(), self.settings.recent_ms);
        }
        let recent = self.recent.means();
        let now = match collector.timeline(table, self.now_window()) {
            Some(seconds) => loads(seconds, self.cells.cells(), self.settings.now_ms),
            None => Vec::new(),
        };
        let throttled = match collector.timeline(table, self.now_window()) {
            Some(seconds) => means(seconds, &self.ranges, Channel::Throttles, self.settings.now_ms),
            None => Vec::new(),
        };
        if let Some(minutes) = collector.timeline(table, Window::Day) {
            for (tracked, facts) in self.tracked.iter_mut().zip(facts) {
                let full = self.settings.at_limit_utilisation;
                tracked.follow_limit(minutes, facts.capacity, full);
            }
        }
        let known = std::mem::take(&mut self.view.partitions);
        let top_key_share =
            |id| known.iter().find(|partition| partition.id == id).map_or(0.0, |p| p.top_key_share);
        let mut partitions = Vec::with_capacity(facts.len());
        let keys = self.hot_keys(collector);
        for (i, facts) in facts.iter().enumerate() {
            self.tracked[i].weigh(self.view.now_ms, facts.size_bytes);
            let within = self.cells_of(&facts.range);
            let mut partition = self.partition_view(i, facts);
            partition.hot_keys = self.hot_keys_of(facts, &keys);
            partition.throttled_now = throttled.get(i).copied().unwrap_or(0.0);
            partition.top_key_share = top_key_share(facts.id);
            partition.cells = self.cell_views(&partition, within, &recent, &now);
            partition.load_recent = partition.cells.iter().map(|cell| cell.recent).sum();
            let all = partition.load_recent.total();
            for key in &mut partition.hot_keys {
                key.share = if all > 0.0 { (key.load.total() / all).min(1.0) } else { 0.0 };
            }
            partition.cells = carve(partition.cells, &partition.hot_keys, self.view.strategy);
            partitions.push(partition);
        }
        self.view.partitions = partitions;
    }

    fn partition_view(&self, index: usize, facts: &PartitionFacts) -> PartitionView {
        let tracked = &self.tracked[index];
        let now_ms = self.view.now_ms;
        let beside = tracked.beside(self.settings.forecast.horizon_steps);
        let quantile = self.score_of(&facts.range).quantile;
        PartitionView {
            id: facts.id,
            range: facts.range.clone(),
            capacity: facts.capacity,
            credit: facts.credit,
            load_now: Units::ZERO,
            load_recent: Units::ZERO,
            load_day_max: tracked.day_max(),
            season_max: tracked.season_max(now_ms, self.settings.payback_ms),
            at_limit_ms: tracked.at_limit_ms(),
            throttled_now: 0.0,
            read: tracked.read().clone(),
            write: tracked.write().clone(),
            cells: Vec::new(),
            size_bytes: facts.size_bytes,
            forecast_size_bytes: size_ahead(&beside, facts.size_bytes, quantile),
            beside,
            top_key_share: 0.0,
            hot_keys: Vec::new(),
            created_ms: facts.created_ms,
            merged_ms: self.cycles.last_ms(&facts.range),
        }
    }

    /// The numbers of the cells that begin in `range`; every partition boundary is a cell boundary.
    fn cells_of(&self, range: &KeyRange) -> std::ops::Range<usize> {
        let cells = self.cells.cells();
        let first = cells.partition_point(|cell| cell.start < range.start);
        let end = range.end.as_ref();
        let last = end.map_or(cells.len(), |end| cells.partition_point(|cell| cell.start < *end));
        first..last
    }

    fn cell_views(
        &self,
        partition: &PartitionView,
        within: std::ops::Range<usize>,
        recent: &[Units],
        now: &[Units],
    ) -> Vec<CellView> {
        let quantile = self.score_of(&partition.range).quantile;
        let steps: Vec<Vec<Units>> = (0..partition.steps())
            .map(|step| {
                self.cells.spread(step, partition.forecast_at(step, quantile), within.clone())
            })
            .collect();
        within
            .enumerate()
            .map(|(i, cell)| {
                let range = &self.cells.cells()[cell];
                CellView {
                    range: range.clone(),
                    recent: recent.get(cell).copied().unwrap_or(Units::ZERO),
                    now: now.get(cell).copied().unwrap_or(Units::ZERO),
                    forecast: steps.iter().map(|loads| loads[i]).collect(),
                    single_key: is_single_key(range),
                }
            })
            .collect()
    }

    /// How much of each partition's load its most loaded key has: the key's share of the table's
    /// load over the partition's.
    pub(super) fn weigh_keys(&mut self, collector: &Collector) {
        let hot = collector.hot_keys(self.view.table, Window::Hour, HOT_KEYS_MAX);
        let total: Units = self.view.partitions.iter().map(|p| p.load_recent).sum();
        for partition in &mut self.view.partitions {
            let inside = |key: &&HotKey| partition.range.contains(key.storage_key.as_bytes());
            let top = hot.iter().filter(inside).map(|key| key.share).fold(0.0, f64::max);
            let share = partition.load_recent.total() / total.total();
            // An hour and five minutes are compared here, so more than all is possible.
            partition.top_key_share = if share > 0.0 { (top / share).min(1.0) } else { 0.0 };
        }
    }
}

/// The mean load of each range over the last `length_ms`.
fn loads(timeline: &Timeline, ranges: &[KeyRange], length_ms: i64) -> Vec<Units> {
    let reads = means(timeline, ranges, Channel::ReadUnits, length_ms);
    let writes = means(timeline, ranges, Channel::WriteUnits, length_ms);
    reads.into_iter().zip(writes).map(|(read, write)| Units { read, write }).collect()
}

/// The mean of a channel in each range over the last `length_ms`.
fn means(timeline: &Timeline, ranges: &[KeyRange], channel: Channel, length_ms: i64) -> Vec<f64> {
    let mean =
        |series: RateSeries| series.values.iter().sum::<f64>() / series.values.len().max(1) as f64;
    timeline.matrix(ranges, channel, timeline.end_ms() - length_ms).into_iter().map(mean).collect()
}
