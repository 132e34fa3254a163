//! Views made up for the tests of this crate.

use crate::view::{Beside, CellView, Limits, PartitionView, TableView};
use bytes::Bytes;
use forecast::{Abstention, Forecast, ModelKind, Outlook, RecentError, Step};
use types::{KeyRange, PartitionId, Strategy, TableId, Units};

/// Capacity of the partitions made here.
pub(crate) const CAPACITY: Units = Units { read: 300.0, write: 100.0 };
/// The forecast's steps.
pub(crate) const STEP_MS: i64 = 300_000;

/// A forecast from its steps.
pub(crate) fn foreseen(start_ms: i64, steps: &[Step]) -> Outlook {
    Outlook::Forecast(Forecast {
        start_ms,
        bin_ms: STEP_MS,
        steps: steps.to_vec(),
        model: ModelKind::Ridge,
        reason: "made up".into(),
        recent_error: RecentError::default(),
    })
}

/// A forecast that is certain of the same rate for the whole horizon.
pub(crate) fn certain(rate: f64) -> Outlook {
    foreseen(0, &[Step { point: rate, q50: rate, q90: rate, q99: rate }; 12])
}

/// No forecast.
pub(crate) fn unknown(reason: &str) -> Outlook {
    Outlook::Abstain(Abstention { start_ms: 0, reason: reason.into(), level: None })
}

/// Eight big-endian bytes at `share` of the hash axis.
pub(crate) fn key_at(share: f64) -> Bytes {
    Bytes::copy_from_slice(&((share * u64::MAX as f64) as u64).to_be_bytes())
}

/// The range between two shares of the hash axis.
pub(crate) fn range_between(from: f64, to: f64) -> KeyRange {
    let start = if from <= 0.0 { Bytes::new() } else { key_at(from) };
    KeyRange::new(start, (to < 1.0).then(|| key_at(to)))
}

/// Cells that tile `range` evenly in key space, with these write loads now and in every step.
pub(crate) fn cells(range: &KeyRange, writes: &[f64]) -> Vec<CellView> {
    let position = |key: &Bytes| {
        let mut bytes = [0; 8];
        bytes[..key.len().min(8)].copy_from_slice(&key[..key.len().min(8)]);
        u64::from_be_bytes(bytes)
    };
    let from = position(&range.start);
    let to = range.end.as_ref().map_or(u64::MAX, position);
    let width = (to - from) / writes.len() as u64;
    let boundaries: Vec<Bytes> = (1..writes.len() as u64)
        .map(|i| Bytes::copy_from_slice(&(from + i * width).to_be_bytes()))
        .collect();
    let ranges = range.cut(&boundaries).expect("even boundaries lie inside");
    ranges
        .into_iter()
        .zip(writes)
        .map(|(range, &write)| CellView {
            range,
            recent: Units::write(write),
            now: Units::write(write),
            forecast: vec![Units::write(write); 12],
            single_key: false,
        })
        .collect()
}

/// A partition of the whole axis that is and stays `full` by writes, evenly spread over 16 cells,
/// with a forecast that is certain of it.
pub(crate) fn partition(id: u64, full: f64) -> PartitionView {
    partition_in(id, range_between(0.0, 1.0), full)
}

/// The same for a part of the axis.
pub(crate) fn partition_in(id: u64, range: KeyRange, full: f64) -> PartitionView {
    let write = CAPACITY.write * full;
    let load = Units::write(write);
    PartitionView {
        id: PartitionId(id),
        capacity: CAPACITY,
        credit: None,
        load_now: load,
        load_recent: load,
        load_day_max: load,
        season_max: Some(load),
        at_limit_ms: 0,
        throttled_now: 0.0,
        read: certain(0.0),
        write: certain(write),
        beside: Beside::default(),
        cells: cells(&range, &[write / 16.0; 16]),
        range,
        size_bytes: 1 << 20,
        forecast_size_bytes: 1 << 20,
        top_key_share: 0.01,
        hot_keys: Vec::new(),
        created_ms: 0,
        merged_ms: None,
    }
}

/// A table of these partitions, two days after they were made.
pub(crate) fn table(partitions: Vec<PartitionView>) -> TableView {
    TableView {
        table: TableId(1),
        name: "orders".into(),
        now_ms: 48 * 3_600_000,
        due: true,
        busy: false,
        limits: Limits::Dynamodb,
        strategy: Strategy::default(),
        warm: Units::ZERO,
        node: None,
        last_plan_ms: None,
        partitions,
    }
}
