//! Windows as documents: what the admin API hands out about a table's workload.
//!
//! Keys are written in hexadecimal, since storage keys are bytes; JSON numbers are rounded to 32 bits.

use crate::sketch::Weighted;
use crate::{Channel, ClientNames, Collector, HotKey, KeyHex, Reach, Timeline, Vector, Window};
use serde::Serialize;
use std::collections::BTreeMap;
use types::{KeyRange, PartitionId, TableId};

/// Heavy hitters that a document names.
const HOT_KEYS_SHOWN: usize = 16;
/// Where a document shows the distribution of keys.
const QUANTILES_SHOWN: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];

/// How fine a document should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewSize {
    /// Adjacent bins are put together until there are at most so many.
    pub bins_max: usize,
    /// Adjacent cells are put together until there are at most so many.
    pub cells_max: usize,
}

impl Default for ViewSize {
    /// Everything that is known.
    fn default() -> Self {
        Self { bins_max: usize::MAX, cells_max: usize::MAX }
    }
}

/// A table's load in a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowView {
    /// Which window.
    pub window: Window,
    /// Start of the first bin, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Length of a bin.
    pub bin_ms: i64,
    /// Whether each bin was counted; where it was not, its values are filled in.
    pub known: Vec<bool>,
    /// The cells, in the order of the key axis.
    pub cells: Vec<CellView>,
    /// For each channel, for each bin, the value of each cell: per second, or a ratio.
    pub channels: BTreeMap<&'static str, Vec<Vec<f32>>>,
    /// Requests in the window, retries not counted.
    pub requests: u64,
    /// Attempts that were retries.
    pub retries: u64,
    /// Different clients, estimated to within a tenth.
    pub distinct_clients: f64,
    /// The keys with the most load, hottest first.
    pub heavy_hitters: Vec<HotKeyView>,
    /// How requests are distributed over the key axis, from a sample.
    pub key_quantiles: Vec<KeyQuantileView>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CellView {
    /// The first key, in hexadecimal; empty for the beginning of the axis.
    pub start: String,
    /// The first key after it, in hexadecimal; `None` for the end of the axis.
    pub end: Option<String>,
    /// The partition that owns its first key.
    pub partition: Option<PartitionId>,
}

/// A key with much load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HotKeyView {
    /// The storage key it was first seen with, in hexadecimal.
    pub key: String,
    /// Its share of all read and write units.
    pub share: f64,
    /// Read units per second.
    pub read_units: f64,
    /// Write units per second.
    pub write_units: f64,
    /// Requests per second.
    pub requests: f64,
}

/// A point of the distribution of keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyQuantileView {
    /// The share of requests below the key.
    pub quantile: f64,
    /// The beginning of a storage key, in hexadecimal.
    pub key: String,
}

/// A workload vector.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VectorView {
    /// What the request did.
    pub request: &'static str,
    /// How much of the table it was about.
    pub reach: Reach,
    /// The partition it was for.
    pub partition: PartitionId,
    /// Hash of the partition key, in hexadecimal.
    pub key_hash: String,
    /// The beginning of the storage key, in hexadecimal.
    pub storage_key: String,
    /// The beginning of the encoded range key, in hexadecimal.
    pub range_key: String,
    /// When it came, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The client's identifier, or its hash if the name was not kept.
    pub client: String,
    /// Bytes read or written.
    pub data_bytes: u32,
    /// Read units.
    pub read_units: f32,
    /// Write units.
    pub write_units: f32,
    /// What became of it.
    pub outcome: crate::Outcome,
    /// Whether it was new demand, not a retry.
    pub demand: bool,
}

impl Collector {
    /// A table's load in a window; `None` if the table is unknown or nothing came yet.
    pub fn window_view(
        &self,
        table: TableId,
        window: Window,
        size: ViewSize,
    ) -> Option<WindowView> {
        let load = self.tables.get(&table)?;
        let timeline = self.timeline(table, window)?;
        let cells = grouped_cells(load.map.ranges().collect(), size.cells_max);
        let bins_per_group = timeline.len().div_ceil(size.bins_max.max(1)).max(1);
        let sketch = load.sketches.of(window);
        let (known, channels) = matrices(timeline, &cells, bins_per_group);
        let hot_keys = self.hot_keys(table, window, HOT_KEYS_SHOWN);
        Some(WindowView {
            window,
            start_ms: timeline.start_ms(),
            bin_ms: timeline.bin_ms() * bins_per_group as i64,
            known,
            cells: cells.iter().map(|range| cell_view(range, &load.partitions)).collect(),
            channels,
            requests: sketch.requests,
            retries: sketch.retries,
            distinct_clients: sketch.clients.estimate().round(),
            heavy_hitters: hot_keys.iter().map(HotKeyView::of).collect(),
            key_quantiles: key_quantiles(load.sketches.sampled_keys(window)),
        })
    }

    /// Vectors sampled in a window, uniformly, in the order of time.
    pub fn sampled_vectors(
        &self,
        table: TableId,
        window: Window,
        names: &ClientNames,
    ) -> Vec<VectorView> {
        let Some(load) = self.tables.get(&table) else {
            return Vec::new();
        };
        let sampled = load.sketches.of(window).sample.vectors();
        sampled.iter().map(|vector| VectorView::of(vector, names)).collect()
    }
}

/// Adjacent cells put together, the same number each time, until there are few enough.
fn grouped_cells(cells: Vec<KeyRange>, cells_max: usize) -> Vec<KeyRange> {
    let group = cells.len().div_ceil(cells_max.max(1)).max(1);
    let joined = |cells: &[KeyRange]| KeyRange {
        start: cells[0].start.clone(),
        end: cells[cells.len() - 1].end.clone(),
    };
    cells.chunks(group).map(joined).collect()
}

/// One matrix per channel; of bins put together the mean, of peaks the highest.
fn matrices(
    timeline: &Timeline,
    cells: &[KeyRange],
    bins_per_group: usize,
) -> (Vec<bool>, BTreeMap<&'static str, Vec<Vec<f32>>>) {
    let mut known = Vec::new();
    let channels = Channel::ALL.map(|channel| {
        let columns = timeline.matrix(cells, channel, timeline.start_ms());
        if let Some(column) = columns.first() {
            let any = |bins: &[bool]| bins.contains(&true);
            known = column.known.chunks(bins_per_group).map(any).collect();
        }
        let value = |bins: &[f64]| match channel {
            Channel::PeakToMean => bins.iter().copied().fold(1.0, f64::max),
            _ => bins.iter().sum::<f64>() / bins.len() as f64,
        };
        let bins = (0..timeline.len()).step_by(bins_per_group).map(|first| {
            let last = (first + bins_per_group).min(timeline.len());
            columns.iter().map(|column| value(&column.values[first..last]) as f32).collect()
        });
        (channel.name(), bins.collect())
    });
    (known, channels.into())
}

fn cell_view(range: &KeyRange, partitions: &[(PartitionId, KeyRange)]) -> CellView {
    let owner = partitions.iter().find(|(_, owned)| owned.contains(&range.start));
    CellView {
        start: hex(&range.start),
        end: range.end.as_ref().map(|end| hex(end)),
        partition: owner.map(|(partition, _)| *partition),
    }
}

/// The keys below which given shares of the sampled requests lie.
fn key_quantiles(mut keys: Vec<Weighted>) -> Vec<KeyQuantileView> {
    keys.sort_by_key(|sample| sample.key);
    let all: f64 = keys.iter().map(|key| key.requests).sum();
    let mut below = 0.0;
    let mut wanted = QUANTILES_SHOWN.into_iter().peekable();
    let mut found = Vec::new();
    for key in &keys {
        below += key.requests;
        while let Some(quantile) = wanted.next_if(|quantile| below >= quantile * all) {
            found.push(KeyQuantileView { quantile, key: hex(key.key.as_bytes()) });
        }
    }
    found
}

impl HotKeyView {
    fn of(hot: &HotKey) -> Self {
        Self {
            key: hex(hot.storage_key.as_bytes()),
            share: hot.share,
            read_units: hot.read_units,
            write_units: hot.write_units,
            requests: hot.requests,
        }
    }
}

impl VectorView {
    fn of(vector: &Vector, names: &ClientNames) -> Self {
        let client = names.name(vector.client);
        Self {
            request: vector.request.name(),
            reach: vector.request.reach(),
            partition: vector.partition,
            key_hash: format!("{:016x}", vector.key_hash),
            storage_key: hex(vector.storage_key.as_bytes()),
            range_key: hex(vector.range_key.as_bytes()),
            timestamp_ms: vector.timestamp_ms,
            client: client
                .map_or_else(|| format!("{:016x}", vector.client), |name| name.to_string()),
            data_bytes: vector.data_bytes,
            read_units: vector.read_units,
            write_units: vector.write_units,
            outcome: vector.outcome,
            demand: vector.demand,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    KeyHex(bytes).to_string()
}

#[cfg(test)]
mod tests;
