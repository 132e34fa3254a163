//! The heat map: load by time and cell of the key axis, past and forecast in one picture.
//!
//! Past columns hold the highest bin of the history (five minutes) that begins in them, so that a
//! short peak stays visible in a view of weeks; the forecast's are its steps, and begin with the bin
//! that is not over yet (`expected` says what they are made of). `share` is load as a share of one
//! partition's capacity, the larger of the read and the write share; the other metrics are rates per
//! second. How far the picture goes is bounded: longer views have longer columns, and what is asked for
//! in too many cells comes in groups.

mod ahead;
mod axis;
mod expected;
mod past;

pub(crate) use axis::{Axis, hex};

use crate::Manager;
use crate::error::ManagerError;
use crate::maps::MapHistory;
use crate::tables::strategy_of;
use ahead::AheadDocument;
use expected::Expected;
use forecast::Quantile;
use serde::Serialize;
use types::{KeyRange, PartitionId, Units};
use workload::Channel;

/// How long the bins of the history are kept.
const PAST_MS_MAX: i64 = 28 * 24 * 3_600_000;
/// Columns of the past in one document: enough for a screen, little enough for a browser.
const COLUMNS_MAX: i64 = 1_008;
/// Rows of one document.
const ROWS_MAX: usize = 1_024;
/// In how many bins of the history a column may be counted: five minutes to a day.
const BINS_PER_COLUMN: [i64; 9] = [1, 2, 3, 6, 12, 24, 48, 144, 288];

/// What a heat map shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Load as a share of one partition's capacity.
    #[default]
    Share,
    /// Read units per second.
    ReadUnits,
    /// Write units per second.
    WriteUnits,
    /// Bytes per second.
    Bytes,
    /// Throttled requests per second.
    Throttles,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeatmapRequest {
    /// What to show.
    pub metric: Metric,
    /// Where the forecast is read; the planner's own without it.
    pub quantile: Option<Quantile>,
    /// How much of the past.
    pub past_ms: i64,
    /// Since when, in the place of `past_ms`.
    pub from_ms: Option<i64>,
    /// Up to when; without it, as far as the forecast goes.
    pub until_ms: Option<i64>,
    /// The most columns of the past.
    pub columns_max: usize,
    /// The most rows.
    pub rows_max: usize,
}

impl Default for HeatmapRequest {
    /// Half a day and what comes.
    fn default() -> Self {
        Self {
            metric: Metric::default(),
            quantile: None,
            past_ms: 12 * 3_600_000,
            from_ms: None,
            until_ms: None,
            columns_max: COLUMNS_MAX as usize,
            rows_max: ROWS_MAX,
        }
    }
}

/// `GET tables/{t}/heatmap`.
#[derive(Debug, Serialize)]
pub struct HeatmapDocument {
    /// The table's name.
    pub table: String,
    /// The moment between past and forecast.
    pub now_ms: i64,
    /// How long one column of the past is.
    pub bin_ms: i64,
    /// Where each column begins, oldest first.
    pub times_ms: Vec<i64>,
    /// How many of the columns are past.
    pub past_columns: usize,
    /// How long one column of the forecast is.
    pub forecast_bin_ms: i64,
    /// Where each row lies on the key axis.
    pub cells: Vec<CellDocument>,
    /// What the values are.
    pub metric: Metric,
    /// What one partition can serve, per second.
    pub capacity: Units,
    /// Per column and row, for the metric `share`; `null` where nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Vec<Vec<Option<f32>>>>,
    /// The same for the other metrics, per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Vec<Option<f32>>>>,
    /// Partition boundaries, and since when.
    pub maps: Vec<MapDocument>,
    /// The quantile of the forecast columns.
    pub quantile: f64,
    /// How the forecast columns came about, where that does not go without saying.
    pub forecast_note: Option<&'static str>,
    /// What the partitions will have to carry, as it is planned and if nothing were done.
    pub ahead: AheadDocument,
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
    /// The partition that owns its first key now.
    pub partition: Option<PartitionId>,
}

/// The boundaries of one partition map.
#[derive(Debug, Serialize)]
pub struct MapDocument {
    /// Since when.
    pub at_ms: i64,
    /// Where partitions meet, between 0 and 1.
    pub boundaries: Vec<f64>,
}

/// One column on its way into a document.
type Column = Vec<Option<f32>>;

impl Metric {
    /// The metric of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "share" => Self::Share,
            "read_units" => Self::ReadUnits,
            "write_units" => Self::WriteUnits,
            "bytes" => Self::Bytes,
            "throttles" => Self::Throttles,
            _ => return None,
        })
    }

    /// What it is counted from; the second is only looked at for a share.
    fn channels(self) -> [Channel; 2] {
        match self {
            Self::Share | Self::ReadUnits => [Channel::ReadUnits, Channel::WriteUnits],
            Self::WriteUnits => [Channel::WriteUnits, Channel::ReadUnits],
            Self::Bytes => [Channel::Bytes, Channel::Requests],
            Self::Throttles => [Channel::Throttles, Channel::Requests],
        }
    }

    /// The value of what was counted in a cell.
    fn of_counted(self, counted: [f64; 2], capacity: Units) -> f64 {
        match self {
            Self::Share => share(Units { read: counted[0], write: counted[1] }, capacity),
            _ => counted[0],
        }
    }
}

impl Manager {
    /// The heat map with the forecast.
    ///
    /// # Errors
    /// If there is no such table.
    pub fn heatmap_document(
        &self,
        name: &str,
        request: &HeatmapRequest,
    ) -> Result<HeatmapDocument, ManagerError> {
        let table = self.shared.table(name)?;
        let components = &self.shared.components;
        let (now_ms, capacity) = (components.clock.now_ms(), components.capacity);
        let snapshot = self.snapshot(&table);
        let view = snapshot.as_ref().map(|snapshot| &snapshot.view);
        let ranges: Vec<KeyRange> = {
            let collector = self.shared.collector.lock();
            collector.cells(table.id()).map(|cells| cells.ranges().collect()).unwrap_or_default()
        };
        let axis = Axis { strategy: strategy_of(&table), ranges: &ranges };
        let rows = axis::grouped(&ranges, request.rows_max.clamp(1, ROWS_MAX));
        let decided_at = self.shared.score.load().quantile;
        let quantile = request.quantile.unwrap_or(decided_at);
        let ahead = self.ahead(&table, view, &axis, decided_at, quantile);
        let maps = {
            let tables = self.shared.tables.lock();
            let none = MapHistory::new(1);
            axis.maps(tables.get(&table.id()).map_or(&none, |state| &state.maps))
        };
        let past = past::Span::new(request, now_ms);
        let mut columns = self.past(table.id(), &rows, request.metric, &past);
        let past_columns = columns.len();
        let per_unit = match request.metric {
            Metric::Bytes | Metric::Throttles => self.per_unit(table.id(), &rows, now_ms),
            Metric::Share | Metric::ReadUnits | Metric::WriteUnits => Vec::new(),
        };
        let expected = Expected { view, rows: &rows, decided_at, quantile, capacity, per_unit };
        let first_ms = columns.last().map_or(i64::MIN, |(start_ms, _)| start_ms + past.column_ms);
        columns.extend(expected.columns(request, first_ms));
        let (times_ms, values) = columns.into_iter().unzip();
        let is_share = request.metric == Metric::Share;
        let (share, values) = if is_share { (Some(values), None) } else { (None, Some(values)) };
        Ok(HeatmapDocument {
            table: name.to_owned(),
            now_ms,
            bin_ms: past.column_ms,
            times_ms,
            past_columns,
            forecast_bin_ms: ahead.step_ms,
            cells: axis.cells(&rows, view),
            metric: request.metric,
            capacity,
            share,
            values,
            maps,
            quantile: quantile.level(),
            forecast_note: request.metric.forecast_note(components.limits),
            ahead,
        })
    }
}

/// Load as a share of capacity: the larger of the read and the write share.
fn share(load: Units, capacity: Units) -> f64 {
    let of = |load: f64, capacity: f64| if capacity > 0.0 { load / capacity } else { 0.0 };
    of(load.read, capacity.read).max(of(load.write, capacity.write))
}

/// Four significant digits: more than a colour can show, few enough for a small document, and what
/// is not zero stays so.
fn rounded(value: f64) -> f32 {
    if value <= 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powi(3 - value.log10().floor() as i32);
    ((value * scale).round() / scale) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_kept_and_little_is_not_nothing() {
        for (value, kept) in [(0.0, 0.0), (1.23456, 1.235), (0.000_012_344, 0.000_012_34)] {
            assert!((f64::from(rounded(value)) - kept).abs() < kept * 1e-6 + 1e-30, "{value}");
        }
        assert_eq!(rounded(98_765.4), 98_770.0);
        assert_eq!(rounded(f64::NAN), 0.0);
    }

    #[test]
    fn a_share_is_the_larger_one() {
        let capacity = Units { read: 100.0, write: 10.0 };
        assert_eq!(share(Units { read: 50.0, write: 1.0 }, capacity), 0.5);
        assert_eq!(Metric::Share.of_counted([50.0, 9.0], capacity), 0.9);
        assert_eq!(Metric::WriteUnits.of_counted([9.0, 50.0], capacity), 9.0);
    }

    #[test]
    fn metrics_have_the_names_that_they_are_written_with() {
        for name in ["share", "read_units", "write_units", "bytes", "throttles"] {
            let metric = Metric::named(name).unwrap();
            assert_eq!(serde_json::to_value(metric).unwrap(), name);
        }
        assert_eq!(Metric::named("nonsense"), None);
    }
}
