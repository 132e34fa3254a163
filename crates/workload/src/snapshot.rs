//! Everything a table's load consists of besides its history, as stored bytes.
//!
//! Cells and what is known of the load inside them, the three windows, their sketches, and what is
//! counted in bins that are still open. With the history's days beside it, a collector that was
//! written down and read again goes on as if nothing had happened.

use crate::bins::Bins;
use crate::cells::CellMap;
use crate::envelope::Kind;
use crate::row::OpenRow;
use crate::shape::KeyShape;
use crate::stored::StoredRows;
use crate::table::TableLoad;
use crate::timeline::Timeline;
use crate::window::Sketches;
use crate::{Collector, Window, WorkloadError};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::TableId;

const KIND: Kind = Kind { tag: *b"FSWS", name: "workload snapshot" };
/// Version 2 tells scans and queries over a range of partition keys from other queries in the sampled
/// vectors; what version 1 has is read as it is, as queries.
const VERSION: u8 = 2;

/// Versions 1 and 2.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SnapshotV1 {
    table: TableId,
    boundaries: Vec<Bytes>,
    heat: Vec<f64>,
    shape: KeyShape,
    sketches: Sketches,
    bins_since_change: u32,
    /// `None` if counting had not begun.
    time: Option<TimeV1>,
}

/// What was counted up to a second.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct TimeV1 {
    /// The first second that was still open.
    second: i64,
    open_seconds: Vec<OpenRow>,
    open_bins: [OpenRow; 3],
    windows: [StoredRows; 3],
}

impl Collector {
    /// What is known of a table besides its history, to be saved. Save changed days first: a snapshot
    /// that is ahead of the saved history leaves a gap in it.
    pub fn encode_snapshot(&self, table: TableId) -> Option<Vec<u8>> {
        let snapshot = SnapshotV1::of(table, self.tables.get(&table)?);
        let content = postcard::to_allocvec(&snapshot).expect("plain data can be encoded");
        Some(KIND.wrap(VERSION, &content))
    }

    /// Puts back what was saved, after the table was announced and its days were restored. Call
    /// [`Collector::resume`] afterwards: the time since is unknown.
    pub fn restore_snapshot(&mut self, table: TableId, bytes: &[u8]) -> Result<(), WorkloadError> {
        let (version, content) = KIND.unwrap(bytes)?;
        if !(1..=VERSION).contains(&version) {
            return Err(KIND.unknown_version(version));
        }
        let snapshot: SnapshotV1 =
            postcard::from_bytes(&content).map_err(|error| KIND.error(error))?;
        let mismatch = |reason: &str| WorkloadError::Mismatch {
            kind: KIND.name,
            table,
            reason: reason.into(),
        };
        if snapshot.table != table {
            return Err(mismatch("it was saved for another table"));
        }
        let load = self.tables.get_mut(&table).ok_or_else(|| mismatch("nobody announced it"))?;
        if load.is_counting() {
            return Err(mismatch("it has begun to count"));
        }
        snapshot.restore(load).map_err(|reason| KIND.error(reason))?;
        self.keep_budget();
        Ok(())
    }
}

impl SnapshotV1 {
    fn of(table: TableId, load: &TableLoad) -> Self {
        Self {
            table,
            boundaries: load.map.boundaries().to_vec(),
            heat: load.heat.clone(),
            shape: KeyShape::clone(&load.shape),
            sketches: load.sketches.clone(),
            bins_since_change: load.bins_since_change,
            time: load.bins.as_ref().map(TimeV1::of),
        }
    }

    /// Checks everything before anything is changed.
    fn restore(self, load: &mut TableLoad) -> Result<(), &'static str> {
        let map = CellMap::new(self.boundaries.iter().cloned());
        if map.boundaries().len() != self.boundaries.len() || self.heat.len() != map.len() {
            return Err("its cells do not fit together");
        }
        let shape = Arc::new(self.shape.checked().ok_or("its shape is none")?);
        let history = load.bins.as_ref().map(|bins| bins.history().clone());
        let map = Arc::new(map);
        let bins = self.time.map(|time| time.into_bins(&map, history)).transpose()?;
        load.map = map;
        load.heat = self.heat;
        load.shape = shape;
        load.sketches = self.sketches;
        if let Some(bins) = bins {
            load.bins = Some(bins);
        }
        load.share_shape();
        // Partitions may have changed since: their boundaries are cut in, if they are not there.
        load.fit();
        load.bins_since_change = self.bins_since_change;
        Ok(())
    }
}

impl TimeV1 {
    fn of(bins: &Bins) -> Self {
        let (open_bins, open_seconds) = bins.open_rows();
        let stored = |window| StoredRows::of(bins.window(window).rows().map(|(_, row)| row));
        Self { second: bins.second(), open_seconds, open_bins, windows: Window::ALL.map(stored) }
    }

    fn into_bins(
        self,
        map: &Arc<CellMap>,
        history: Option<Timeline>,
    ) -> Result<Bins, &'static str> {
        let mut bins = Bins::new(self.second);
        for (window, stored) in Window::ALL.into_iter().zip(self.windows) {
            bins.restore_window(window, stored.into_rows()?)?;
        }
        let open = self.open_bins.iter().chain(&self.open_seconds);
        if open.into_iter().any(|row| !row.fits(map.len())) {
            return Err("its open bins have cells that are not there");
        }
        bins.restore_open(self.open_bins, self.open_seconds);
        if let Some(history) = history {
            bins.restore_history(history, map);
        }
        Ok(bins)
    }
}
