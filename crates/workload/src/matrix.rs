//! A table's load as a matrix of time and cells: pages of it as documents, all of it as a file.
//!
//! The admin API hands out pages, `foreshard workload export` writes them into a file, and the
//! simulator reads that again ([`read_matrix`]). The file is CSV, gzipped or not:
//!
//! ```text
//! # foreshard workload matrix 1
//! # table: orders
//! # partition_read_units: 3000
//! # partition_write_units: 1000
//! # map: 1759147200 40 80 c0
//! timestamp_unix_s,seconds,key_start,key_end,read_units,write_units,requests,bytes,throttles
//! 1759147200,300,,04,12.5,3,15.5,1024,0
//! ```
//!
//! One line per bin and cell with load: when the bin began and how long it is, the cell's first key and
//! the first key behind it (in hexadecimal; empty for the ends of the axis), and what was asked for per
//! second. A bin that was watched has a line for its first cell even if nothing came; a bin without
//! any line is one in which nobody counted. All lines speak of the same cells, which tile the axis. A
//! `map` line holds the partition boundaries that were in force from a second on. It says how much load there was and
//! where, not by whom: items and clients are no part of it.

mod file;
mod read;

pub use file::write_head;
pub use read::{MatrixBin, RecordedMatrix, read_matrix};

use crate::{Channel, KeyHex, Timeline};
use serde::{Deserialize, Serialize};
use types::KeyRange;

/// The channels of a matrix, all per second, in the order of the file's columns.
pub(crate) const CHANNELS: [Channel; 5] = [
    Channel::ReadUnits,
    Channel::WriteUnits,
    Channel::Requests,
    Channel::Bytes,
    Channel::Throttles,
];

/// Some consecutive bins of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatrixPage {
    /// When the first bin begins, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// How long a bin is.
    pub bin_ms: i64,
    /// When the newest bin that there is ends, be it on this page or a later one.
    pub end_ms: i64,
    /// Where each cell begins, in hexadecimal; the first is empty. Each ends where the next begins.
    pub cells: Vec<String>,
    /// The bins, oldest first; `null` where nobody counted. Per channel (read units, write units,
    /// requests, bytes, throttles, all per second) one value per cell.
    pub bins: Vec<Option<[Vec<f32>; 5]>>,
}

impl Timeline {
    /// At most `bins_max` bins, beginning at or after `from_ms`, in these cells, which tile the axis.
    pub fn page(&self, cells: &[KeyRange], from_ms: i64, bins_max: usize) -> MatrixPage {
        let series = CHANNELS.map(|channel| self.counted(cells, channel, from_ms, bins_max));
        let first = series[0].first();
        let bin = |bin: usize| {
            let known = first.is_some_and(|cell| cell.known[bin]);
            let values = |channel: usize| -> Vec<f32> {
                series[channel].iter().map(|cell| cell.values[bin] as f32).collect()
            };
            known.then(|| [0, 1, 2, 3, 4].map(values))
        };
        MatrixPage {
            start_ms: first.map_or(self.end_ms(), |cell| cell.start_ms),
            bin_ms: self.bin_ms(),
            end_ms: self.end_ms(),
            cells: cells.iter().map(|cell| KeyHex(&cell.start).to_string()).collect(),
            bins: (0..first.map_or(0, |cell| cell.values.len())).map(bin).collect(),
        }
    }
}

impl MatrixPage {
    /// When the last bin of this page ends.
    pub fn page_end_ms(&self) -> i64 {
        self.start_ms + self.bin_ms * self.bins.len() as i64
    }
}

#[cfg(test)]
mod tests;
