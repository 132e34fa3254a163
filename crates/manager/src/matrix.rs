//! `GET tables/{t}/matrix`: everything that is known of a table's load, some bins at a time.
//!
//! What `foreshard workload export` writes into a file. Bounded, since a month of 256 cells at once would
//! be a hundred megabytes and hold up the loop.

use crate::Manager;
use crate::error::ManagerError;
use crate::heatmap::hex;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::KeyRange;
use workload::{MatrixPage, Window};

/// How many bins are handed out at a time: of the history a day, which is some megabytes.
const BINS_MAX: usize = 288;

/// Load by time and cell, with what a simulation has to know besides.
#[derive(Debug, Serialize, Deserialize)]
pub struct MatrixDocument {
    /// The table's name.
    pub table: String,
    /// What a partition can serve.
    pub capacity_read_units: f64,
    /// What a partition can serve.
    pub capacity_write_units: f64,
    /// Which partition boundaries were in force from when on, oldest first, as far as this process
    /// remembers.
    pub maps: Vec<BoundariesDocument>,
    /// The bins.
    #[serde(flatten)]
    pub page: MatrixPage,
}

/// Partition boundaries by their keys.
#[derive(Debug, Serialize, Deserialize)]
pub struct BoundariesDocument {
    /// Since when.
    pub at_ms: i64,
    /// Where partitions meet, in hexadecimal.
    pub boundaries: Vec<String>,
}

impl Manager {
    /// Some bins that begin at or after `from_ms`: of one of the rolling windows, or of the history.
    ///
    /// # Errors
    /// If there is no such table, or nothing of it was counted yet.
    pub fn matrix_document(
        &self,
        name: &str,
        window: Option<Window>,
        from_ms: i64,
    ) -> Result<MatrixDocument, ManagerError> {
        let table = self.shared.table(name)?;
        let tables = self.shared.tables.lock();
        let collector = self.shared.collector.lock();
        let timeline = match window {
            Some(window) => collector.timeline(table.id(), window),
            None => collector.history(table.id()),
        };
        let (Some(timeline), Some(cells)) = (timeline, collector.cells(table.id())) else {
            let why = format!("nothing was asked of table {name:?} yet; there is no load to show");
            return Err(ManagerError::Refused(why));
        };
        let cells: Vec<KeyRange> = cells.ranges().collect();
        let map = |(at_ms, boundaries): (i64, &[Bytes])| BoundariesDocument {
            at_ms,
            boundaries: boundaries.iter().map(|boundary| hex(boundary)).collect(),
        };
        let capacity = self.shared.components.capacity;
        Ok(MatrixDocument {
            table: name.to_owned(),
            capacity_read_units: capacity.read,
            capacity_write_units: capacity.write,
            maps: tables.get(&table.id()).map_or(Vec::new(), |t| t.maps.iter().map(map).collect()),
            page: timeline.page(&cells, from_ms, BINS_MAX),
        })
    }
}
