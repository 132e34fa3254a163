//! The heat map: load by time and cell of the key axis, past and forecast in one picture.
//!
//! Load is given as a share of one partition's capacity (the larger of the read and the write
//! share), so that a column's sum over one partition says how full that partition was or will be.
//! Past and future use the history's bins; the forecast begins with the bin that is not over yet.

use crate::maps::MapHistory;
use planner::TableView;
use serde::Serialize;
use types::{KeyRange, Strategy, TableId, Units};
use workload::{Channel, Collector};

/// `GET tables/{t}/heatmap`.
#[derive(Debug, Serialize)]
pub struct HeatmapDocument {
    /// The table's name.
    pub table: String,
    /// The moment between past and forecast.
    pub now_ms: i64,
    /// How long one column is.
    pub bin_ms: i64,
    /// Where each column begins, oldest first.
    pub times_ms: Vec<i64>,
    /// Where each row lies on the key axis.
    pub cells: Vec<CellDocument>,
    /// Per column and row: the share of one partition's capacity; `null` where nothing is known.
    pub share: Vec<Vec<Option<f32>>>,
    /// Partition boundaries, and since when.
    pub maps: Vec<MapDocument>,
    /// The quantile of the forecast columns.
    pub quantile: f64,
}

/// One row.
#[derive(Debug, Serialize)]
pub struct CellDocument {
    /// Where the cell begins, between 0 and 1.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Its first key in hexadecimal; empty for the beginning of the axis.
    pub start: String,
    /// The first key behind it; empty for the end of the axis.
    pub end: String,
}

/// The boundaries of one partition map.
#[derive(Debug, Serialize)]
pub struct MapDocument {
    /// Since when.
    pub at_ms: i64,
    /// Where partitions meet, between 0 and 1.
    pub boundaries: Vec<f64>,
}

/// What a heat map is made of, besides the collector.
pub(crate) struct Inputs<'a> {
    pub(crate) name: &'a str,
    pub(crate) table: TableId,
    pub(crate) strategy: Strategy,
    pub(crate) capacity: Units,
    pub(crate) now_ms: i64,
    pub(crate) past_ms: i64,
    pub(crate) quantile: f64,
    pub(crate) view: Option<&'a TableView>,
    pub(crate) maps: &'a MapHistory,
}

/// Draws it up.
pub(crate) fn document(collector: &Collector, inputs: &Inputs<'_>) -> HeatmapDocument {
    let ranges: Vec<KeyRange> =
        collector.cells(inputs.table).map(|cells| cells.ranges().collect()).unwrap_or_default();
    let axis = Axis { strategy: inputs.strategy, ranges: &ranges };
    let mut document = HeatmapDocument {
        table: inputs.name.to_owned(),
        now_ms: inputs.now_ms,
        bin_ms: 0,
        times_ms: Vec::new(),
        cells: axis.cells(),
        share: Vec::new(),
        maps: axis.maps(inputs.maps),
        quantile: inputs.quantile,
    };
    if let Some(history) = collector.history(inputs.table) {
        add_past(&mut document, history, &ranges, inputs);
    }
    if let Some(view) = inputs.view {
        add_forecast(&mut document, view, &ranges, inputs.capacity);
    }
    document
}

fn add_past(
    document: &mut HeatmapDocument,
    history: &workload::Timeline,
    ranges: &[KeyRange],
    inputs: &Inputs<'_>,
) {
    let from_ms = inputs.now_ms - inputs.past_ms;
    let reads = history.matrix(ranges, Channel::ReadUnits, from_ms);
    let writes = history.matrix(ranges, Channel::WriteUnits, from_ms);
    let Some(first) = reads.first() else { return };
    document.bin_ms = first.bin_ms;
    for bin in 0..first.values.len() {
        document.times_ms.push(first.start_ms + first.bin_ms * bin as i64);
        let column = reads.iter().zip(&writes).map(|(read, write)| {
            let load = Units { read: read.values[bin], write: write.values[bin] };
            (read.known[bin] || write.known[bin]).then(|| share(load, inputs.capacity))
        });
        document.share.push(column.collect());
    }
}

fn add_forecast(
    document: &mut HeatmapDocument,
    view: &TableView,
    ranges: &[KeyRange],
    capacity: Units,
) {
    let steps = view.partitions.iter().map(|p| p.steps()).max().unwrap_or(0);
    let Some(forecaster) = view.partitions.iter().find(|p| p.steps() == steps && steps > 0) else {
        return;
    };
    let step_ms = (forecaster.step_seconds() * 1e3) as i64;
    if document.bin_ms == 0 {
        document.bin_ms = step_ms;
    }
    for step in 0..steps {
        let Some(start_ms) = forecaster.step_start_ms(step) else { continue };
        if document.times_ms.last().is_some_and(|last| *last >= start_ms) {
            continue;
        }
        document.times_ms.push(start_ms);
        document.share.push(
            ranges
                .iter()
                .map(|range| Some(share(cell_load(view, range, step)?, capacity)))
                .collect(),
        );
    }
}

/// The forecast of the view's cell that begins where `range` does.
fn cell_load(view: &TableView, range: &KeyRange, step: usize) -> Option<Units> {
    let partition = view.partitions.iter().find(|p| p.range.contains(&range.start))?;
    let cell = partition.cells.iter().find(|cell| cell.range == *range)?;
    cell.forecast.get(step).copied()
}

fn share(load: Units, capacity: Units) -> f32 {
    let of = |load: f64, capacity: f64| if capacity > 0.0 { load / capacity } else { 0.0 };
    let share = of(load.read, capacity.read).max(of(load.write, capacity.write));
    // Four digits are more than a colour can show, and keep the document small.
    ((share * 1e4).round() / 1e4) as f32
}

/// Places keys between 0 and 1: by hash in hash order, by cell where keys have no measure.
pub(crate) struct Axis<'a> {
    pub(crate) strategy: Strategy,
    pub(crate) ranges: &'a [KeyRange],
}

impl Axis<'_> {
    fn cells(&self) -> Vec<CellDocument> {
        self.ranges
            .iter()
            .map(|range| CellDocument {
                from: self.position(&range.start),
                to: range.end.as_ref().map_or(1.0, |end| self.position(end)),
                start: hex(&range.start),
                end: range.end.as_ref().map(|end| hex(end)).unwrap_or_default(),
            })
            .collect()
    }

    fn maps(&self, maps: &MapHistory) -> Vec<MapDocument> {
        maps.iter()
            .map(|(at_ms, boundaries)| MapDocument {
                at_ms,
                boundaries: boundaries.iter().map(|key| self.position(key)).collect(),
            })
            .collect()
    }

    pub(crate) fn position(&self, key: &[u8]) -> f64 {
        if self.strategy.is_hash_order() {
            let mut first = [0; 8];
            let length = key.len().min(8);
            first[..length].copy_from_slice(&key[..length]);
            return u64::from_be_bytes(first) as f64 / 2f64.powi(64);
        }
        let before = self.ranges.iter().filter(|range| range.start.as_ref() < key).count();
        before as f64 / self.ranges.len().max(1) as f64
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
