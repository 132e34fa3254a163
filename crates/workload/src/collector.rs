//! The collector: turns recorded vectors into what is known of each table's load.
//!
//! One owner, no locks: the manager drains the recorder into it every second, the simulator and the
//! import hand vectors over directly. Time comes from the vectors and from the caller, never from a
//! clock, so that weeks pass as fast as they can be counted. The same vectors in the same order give
//! the same state, to the byte.

use crate::bins::Placed;
use crate::cells::CellMap;
use crate::table::TableLoad;
use crate::timeline::Timeline;
use crate::{CollectorSettings, Recorder, StorageKeyPrefix, Vector, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{KeyRange, PartitionId, Strategy, TableId};

/// What is known of the load of all tables.
#[derive(Clone, Debug)]
pub struct Collector {
    pub(crate) settings: CollectorSettings,
    pub(crate) tables: BTreeMap<TableId, TableLoad>,
    stats: CollectorStats,
    /// Kept between drains for its memory.
    drained: Vec<Vector>,
    order: Vec<(i64, u32)>,
}

/// What the collector has counted and could not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorStats {
    /// Vectors taken in, of known tables.
    pub ingested: u64,
    /// Of them, retries of requests that were counted before.
    pub retries: u64,
    /// Too late for their second, but counted in their bin of history.
    pub late: u64,
    /// Too late for everything.
    pub lost: u64,
    /// Of tables that nobody announced.
    pub unknown_table: u64,
    /// Dropped by the recorder because nobody drained it in time.
    pub dropped: u64,
}

/// A key with much of a table's load.
#[derive(Clone, Debug, PartialEq)]
pub struct HotKey {
    /// Hash of the partition key.
    pub key_hash: u64,
    /// A storage key of this partition key, the first one that was seen.
    pub storage_key: StorageKeyPrefix,
    /// Read units per second.
    pub read_units: f64,
    /// Write units per second.
    pub write_units: f64,
    /// Requests per second.
    pub requests: f64,
    /// Share of the table's read and write units, from 0 to 1: at least this much.
    pub share: f64,
}

impl Collector {
    /// A collector that knows no table yet.
    pub fn new(settings: &CollectorSettings) -> Self {
        Self {
            settings: settings.clone(),
            tables: BTreeMap::new(),
            stats: CollectorStats::default(),
            drained: Vec::new(),
            order: Vec::new(),
        }
    }

    /// Announces a table, or its new partitions after a change. Partitions must tile the key axis;
    /// their boundaries become cell boundaries, and each has the history of its keys at once.
    pub fn set_partitions(
        &mut self,
        table: TableId,
        strategy: Strategy,
        partitions: &[(PartitionId, KeyRange)],
    ) {
        match self.tables.get_mut(&table) {
            Some(load) => load.set_partitions(strategy, partitions),
            None => {
                let quota = self.fair_quota(self.tables.len() + 1);
                let load = TableLoad::new(table, strategy, partitions, &self.settings, quota);
                self.tables.insert(table, load);
            }
        }
        self.keep_budget();
    }

    /// Forgets a table.
    pub fn drop_table(&mut self, table: TableId) {
        self.tables.remove(&table);
        self.keep_budget();
    }

    /// Takes in everything that was recorded, in the order of time, and closes what is over at
    /// `now_ms`. Meant for every second.
    pub fn drain(&mut self, recorder: &Recorder, now_ms: i64) -> CollectorStats {
        let before = self.stats;
        let mut drained = std::mem::take(&mut self.drained);
        let mut order = std::mem::take(&mut self.order);
        recorder.drain_into(&mut drained);
        // Each shard is in order, all together are not; indices are cheaper to sort than vectors.
        order.extend(drained.iter().zip(0..).map(|(vector, at)| (vector.timestamp_ms, at)));
        order.sort_unstable();
        for (timestamp_ms, at) in order.drain(..) {
            // A vector cannot come from the future; if a clock was set back, it came just now.
            let timestamp_ms = timestamp_ms.min(now_ms);
            self.ingest(&Vector { timestamp_ms, ..drained[at as usize] });
        }
        drained.clear();
        (self.drained, self.order) = (drained, order);
        self.stats.dropped = recorder.dropped();
        self.advance(now_ms);
        self.stats.since(&before)
    }

    /// Takes in one vector. Vectors should come in the order of time, give or take the lateness that
    /// is allowed: a vector closes what lies further back in its table.
    #[inline]
    pub fn ingest(&mut self, vector: &Vector) {
        let Some(load) = self.tables.get_mut(&vector.table) else {
            self.stats.unknown_table += 1;
            return;
        };
        let cells = load.map.len();
        self.stats.ingested += 1;
        self.stats.retries += u64::from(!vector.demand);
        match load.ingest(vector) {
            Placed::InTime => {}
            Placed::Late => self.stats.late += 1,
            Placed::Lost => self.stats.lost += 1,
        }
        if load.map.len() > cells {
            self.keep_budget();
        }
    }

    /// Closes what is over at `now_ms` in all tables. Where nothing came, nothing was asked for.
    pub fn advance(&mut self, now_ms: i64) {
        self.tables.values_mut().for_each(|load| load.advance_to(now_ms));
        self.keep_budget();
    }

    /// After a restart: the time until `now_ms` was not watched. It becomes a gap, not a quiet time.
    pub fn resume(&mut self, now_ms: i64) {
        self.tables.values_mut().for_each(|load| load.skip_to(now_ms));
        self.keep_budget();
    }

    /// The tables that were announced.
    pub fn tables(&self) -> impl Iterator<Item = TableId> + '_ {
        self.tables.keys().copied()
    }

    /// What was counted, and what could not be, since the start.
    pub fn stats(&self) -> CollectorStats {
        self.stats
    }

    /// The cells of a table as they are now.
    pub fn cells(&self, table: TableId) -> Option<&CellMap> {
        self.tables.get(&table).map(|load| load.map.as_ref())
    }

    /// The partitions of a table as they were announced.
    pub fn partitions(&self, table: TableId) -> Option<&[(PartitionId, KeyRange)]> {
        self.tables.get(&table).map(|load| load.partitions.as_slice())
    }

    /// Up to 28 days of a table in bins of five minutes; `None` before anything came.
    pub fn history(&self, table: TableId) -> Option<&Timeline> {
        Some(self.tables.get(&table)?.bins.as_ref()?.history())
    }

    /// A rolling window of a table; `None` before anything came.
    pub fn timeline(&self, table: TableId, window: Window) -> Option<&Timeline> {
        Some(self.tables.get(&table)?.bins.as_ref()?.window(window))
    }

    /// The keys with the most read and write units in a window, hottest first.
    pub fn hot_keys(&self, table: TableId, window: Window, count: usize) -> Vec<HotKey> {
        let Some(load) = self.tables.get(&table) else {
            return Vec::new();
        };
        let sketch = load.sketches.of(window);
        let seconds = sketch.seconds.max(1) as f64;
        let hot_key = |(key_hash, hitter): (u64, crate::sketch::Hitter)| HotKey {
            key_hash,
            storage_key: hitter.key,
            read_units: hitter.read_units / seconds,
            write_units: hitter.write_units / seconds,
            requests: hitter.requests as f64 / seconds,
            share: if sketch.units > 0.0 { hitter.units() / sketch.units } else { 0.0 },
        };
        sketch.hitters.top(count).into_iter().map(hot_key).collect()
    }

    /// What every one of `tables` tables may have if all want more than there is.
    fn fair_quota(&self, tables: usize) -> usize {
        (self.settings.cells_max / tables.max(1)).clamp(1, self.settings.cells_per_table_max.max(1))
    }

    /// Gives every table its quota: what nobody else uses, and at least a fair share. Tables above
    /// their quota give cells back, largest first, until all fit the budget.
    pub(crate) fn keep_budget(&mut self) {
        let fair = self.fair_quota(self.tables.len());
        let mut used: usize = self.tables.values().map(|load| load.map.len()).sum();
        if used > self.settings.cells_max {
            let mut largest: Vec<TableId> = self.tables.keys().copied().collect();
            largest.sort_by_key(|table| std::cmp::Reverse(self.tables[table].map.len()));
            for table in largest {
                let Some(load) = self.tables.get_mut(&table) else {
                    continue;
                };
                let cells = load.map.len();
                let excess = used.saturating_sub(self.settings.cells_max);
                if excess > 0 && cells > fair {
                    load.quota = fair.max(cells - excess.min(cells));
                    load.fit();
                    used = used - cells + load.map.len();
                }
            }
        }
        let free = self.settings.cells_max.saturating_sub(used);
        for load in self.tables.values_mut() {
            let open = load.map.len() + free;
            load.quota = fair.max(open.min(self.settings.cells_per_table_max));
        }
    }
}

impl CollectorStats {
    /// What has been added since an earlier time.
    fn since(&self, before: &Self) -> Self {
        Self {
            ingested: self.ingested - before.ingested,
            retries: self.retries - before.retries,
            late: self.late - before.late,
            lost: self.lost - before.lost,
            unknown_table: self.unknown_table - before.unknown_table,
            dropped: self.dropped.saturating_sub(before.dropped),
        }
    }
}
