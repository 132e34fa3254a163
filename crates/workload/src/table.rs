//! The load of one table: its cells, its bins, its sketches, and how they move on with time.

use crate::adapt::{self, Adapted, Inputs};
use crate::axis::{self, Grain};
use crate::bins::{Bins, HISTORY_BIN_MS, HISTORY_BIN_S, HISTORY_BINS, HISTORY_DAYS, Placed};
use crate::cells::CellMap;
use crate::overlap::Projection;
use crate::row::{READ, Row, WRITE};
use crate::shape::KeyShape;
use crate::sketch::Weighted;
use crate::timeline::Timeline;
use crate::window::Sketches;
use crate::{CollectorSettings, Vector, Window};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::{KeyRange, PartitionId, Strategy, TableId};

/// What a cell's heat keeps of itself from one bin of history to the next: half of it after six hours.
const HEAT_KEPT: f64 = 0.990_420_1;
/// Bins of history between two looks at the cells; right after a change there are more.
const ADAPT_BINS: u32 = 12;
/// Time is never closed second by second over a longer stretch than there is history.
const JUMP_S_MAX: i64 = HISTORY_DAYS as i64 * 86_400;

/// The load of one table.
#[derive(Clone, Debug)]
pub(crate) struct TableLoad {
    pub(crate) partitions: Vec<(PartitionId, KeyRange)>,
    pub(crate) partition_boundaries: BTreeSet<Bytes>,
    pub(crate) grain: Grain,
    pub(crate) map: Arc<CellMap>,
    /// Recent load of each cell, decaying.
    pub(crate) heat: Vec<f64>,
    pub(crate) shape: Arc<KeyShape>,
    /// `None` before the first vector or tick says what time it is.
    pub(crate) bins: Option<Bins>,
    pub(crate) sketches: Sketches,
    /// Days with bins that were not saved yet, and a number that rises with every change.
    pub(crate) changed_days: BTreeMap<i64, u64>,
    revision: u64,
    /// Cells that the table may have (see [`crate::adapt`]).
    pub(crate) quota: usize,
    /// Bins of history closed since partitions changed.
    pub(crate) bins_since_change: u32,
    /// Whether time has moved on here; what was saved can only be restored before.
    counting: bool,
    cells_initial: usize,
    late_s_max: i64,
}

impl TableLoad {
    /// A table with even cells (in hash order) or one cell per partition (in key order).
    pub(crate) fn new(
        table: TableId,
        strategy: Strategy,
        partitions: &[(PartitionId, KeyRange)],
        settings: &CollectorSettings,
        quota: usize,
    ) -> Self {
        let even =
            if strategy.is_hash_order() { settings.cells_initial.min(quota).max(1) } else { 1 };
        let map = CellMap::new(axis::even_boundaries(even));
        let mut load = Self {
            partitions: Vec::new(),
            partition_boundaries: BTreeSet::new(),
            grain: Grain::Key,
            heat: vec![0.0; map.len()],
            map: Arc::new(map),
            shape: Arc::default(),
            bins: None,
            sketches: Sketches::new(settings, table.0),
            changed_days: BTreeMap::new(),
            revision: 0,
            quota,
            bins_since_change: 0,
            counting: false,
            cells_initial: settings.cells_initial,
            late_s_max: settings.late_ms_max.max(0).unsigned_abs().div_ceil(1_000) as i64,
        };
        load.set_partitions(strategy, partitions);
        load
    }

    /// The partitions from now on; their boundaries become cell boundaries.
    pub(crate) fn set_partitions(
        &mut self,
        strategy: Strategy,
        partitions: &[(PartitionId, KeyRange)],
    ) {
        let starts = partitions.iter().map(|(_, range)| range.start.clone());
        self.partition_boundaries = starts.filter(|start| !start.is_empty()).collect();
        self.partitions = partitions.to_vec();
        self.grain = if strategy == Strategy::Hash { Grain::Hash } else { Grain::Key };
        self.bins_since_change = 0;
        self.fit();
    }

    /// Counts one vector, after closing what it shows to be over.
    #[inline]
    pub(crate) fn ingest(&mut self, vector: &Vector) -> Placed {
        let second = vector.timestamp_ms.div_euclid(1_000);
        self.advance(second - self.late_s_max, second);
        self.sketches.add(vector);
        let Some(bins) = self.bins.as_mut().filter(|_| vector.demand) else {
            return Placed::InTime;
        };
        let cell = self.map.index_of(vector.storage_key.as_bytes());
        bins.count(cell, self.map.len(), vector)
    }

    /// Closes all seconds before `now_ms` that no vector may come late for.
    pub(crate) fn advance_to(&mut self, now_ms: i64) {
        let second = now_ms.div_euclid(1_000);
        self.advance(second - self.late_s_max, second);
    }

    /// Closes all seconds before `end`; if time has not begun yet, it begins at `start`.
    #[inline]
    fn advance(&mut self, end: i64, start: i64) {
        self.counting = true;
        if self.second().is_none_or(|second| end - second > JUMP_S_MAX) {
            self.begin_at(start);
        }
        while self.second().is_some_and(|second| second < end) {
            self.close_second(true);
        }
    }

    /// What passed until `now_ms` was not watched: closes it as unknown.
    pub(crate) fn skip_to(&mut self, now_ms: i64) {
        self.counting = true;
        let end = now_ms.div_euclid(1_000);
        if self.second().is_none_or(|second| end - second > JUMP_S_MAX) {
            self.begin_at(end);
        }
        while self.second().is_some_and(|second| second < end) {
            self.close_second(false);
        }
    }

    fn second(&self) -> Option<i64> {
        self.bins.as_ref().map(Bins::second)
    }

    /// Begins to count at a second, with nothing behind it.
    fn begin_at(&mut self, second: i64) {
        self.changed_days.clear();
        self.bins = Some(Bins::new(second));
        self.share_shape();
    }

    /// Puts back bins of history, before counting has begun.
    pub(crate) fn restore_history(&mut self, start_ms: i64, rows: Vec<Row>) {
        let so_far = self.bins.take().map(|bins| bins.history().clone());
        let mut history =
            so_far.unwrap_or_else(|| Timeline::new(HISTORY_BIN_MS, HISTORY_BINS, start_ms));
        for (row, start_ms) in rows.into_iter().zip((start_ms..).step_by(HISTORY_BIN_MS as usize)) {
            history.restore(start_ms, row);
        }
        let mut bins = Bins::new(history.end_ms().div_euclid(1_000));
        bins.restore_history(history, &self.map);
        self.bins = Some(bins);
        self.share_shape();
    }

    /// Whether saved state can still be restored.
    pub(crate) fn is_counting(&self) -> bool {
        self.counting
    }

    /// Lets all timelines know the shape.
    pub(crate) fn share_shape(&mut self) {
        let timelines = self.bins.iter_mut().flat_map(Bins::timelines_mut);
        timelines.for_each(|timeline| timeline.shape = self.shape.clone());
    }

    fn close_second(&mut self, watched: bool) {
        let Some(bins) = &mut self.bins else { return };
        bins.close_second(&self.map, watched);
        let end = bins.second();
        self.sketches.close_second(end, watched);
        if end % HISTORY_BIN_S == 0 {
            self.closed_history_bin(end - HISTORY_BIN_S);
        }
    }

    fn closed_history_bin(&mut self, start_s: i64) {
        self.revision += 1;
        self.changed_days.insert(start_s.div_euclid(86_400), self.revision);
        // A day that is no longer kept cannot be saved any more.
        self.changed_days =
            self.changed_days.split_off(&(start_s.div_euclid(86_400) - HISTORY_DAYS as i64));
        self.heat.iter_mut().for_each(|heat| *heat *= HEAT_KEPT);
        let newest = self.bins.as_ref().and_then(|bins| bins.history().rows().next_back());
        if let Some((_, row)) = newest {
            for stored in [READ, WRITE] {
                for (active, units) in row.channel(stored).iter().enumerate() {
                    self.heat[row.cell(active)] += f64::from(*units);
                }
            }
        }
        self.bins_since_change = self.bins_since_change.saturating_add(1);
        let bins = self.bins_since_change;
        if bins.is_multiple_of(ADAPT_BINS) || (bins < ADAPT_BINS && bins.is_power_of_two()) {
            self.apply(adapt::adapt);
        }
    }

    /// Cuts partition boundaries in, and keeps to the quota.
    pub(crate) fn fit(&mut self) {
        self.apply(adapt::fit);
    }

    fn apply(&mut self, decide: impl FnOnce(&Inputs<'_>) -> Option<Adapted>) {
        let samples = self.sampled_keys();
        let inputs = Inputs {
            map: &self.map,
            heat: &self.heat,
            shape: &self.shape,
            samples: &samples,
            partition_boundaries: &self.partition_boundaries,
            grain: self.grain,
            quota: self.quota,
            cells_initial: self.cells_initial,
        };
        let Some(adapted) = decide(&inputs) else {
            return;
        };
        self.shape = Arc::new(adapted.shape);
        self.heat = adapted.heat;
        if let Some(bins) = &mut self.bins {
            let projection = Projection::new(&self.map, &adapted.map, &self.shape);
            bins.project(&projection, adapted.map.len());
        }
        self.map = Arc::new(adapted.map);
        self.share_shape();
    }

    /// Keys sampled during the last hour, rising.
    fn sampled_keys(&self) -> Vec<Weighted> {
        let mut keys = self.sketches.sampled_keys(Window::Hour);
        keys.sort_by_key(|sample| sample.key);
        keys
    }
}
