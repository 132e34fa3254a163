//! Trace files: recorded requests, one per line, as CSV or gzipped CSV.
//!
//! ```text
//! timestamp_unix_s,op,key,size,client
//! ```
//!
//! A file with `seq` in place of the timestamp has order but no clock; it can only be read with a pace
//! given to it. Keys and clients are text, whatever they look like; an empty size is unknown.

use crate::tabular::{TIME_COLUMN, Table};
use crate::{RequestType, WorkloadError};
use std::path::Path;

/// The columns that a trace must have besides its time.
const COLUMNS: [&str; 4] = ["op", "key", "size", "client"];
const SEQUENCE_COLUMN: &str = "seq";

/// One recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// When, in milliseconds since the Unix epoch, or since the beginning of a paced file.
    pub timestamp_ms: i64,
    /// What it did.
    pub op: TraceOp,
    /// Which key.
    pub key: String,
    /// How much data, in whatever unit the file has; `None` if it does not say.
    pub size: Option<u64>,
    /// Who asked; empty if the file does not say.
    pub client: String,
}

/// What a recorded request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TraceOp {
    /// One of the types of data requests.
    Known(RequestType),
    /// The file does not say.
    Unknown,
}

impl TraceOp {
    /// The type of request, if the file says so.
    pub fn request(self) -> Option<RequestType> {
        match self {
            Self::Known(request) => Some(request),
            Self::Unknown => None,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let known = |request| Some(Self::Known(request));
        match name {
            "store" => known(RequestType::Store),
            "retrieve" => known(RequestType::Retrieve),
            "modify" => known(RequestType::Modify),
            "delete" => known(RequestType::Delete),
            "query" => known(RequestType::Query),
            "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}

/// Reads a trace file, event by event. Ends after the first error.
#[derive(Debug)]
pub struct TraceReader {
    table: Table,
    time: Time,
    columns: [usize; COLUMNS.len()],
    failed: bool,
}

/// Where an event's time comes from.
#[derive(Clone, Copy, Debug)]
enum Time {
    Column(usize),
    /// Events are this far apart; so many were read.
    Pace {
        interval_ms: f64,
        read: u64,
    },
}

impl TraceReader {
    /// Opens a trace that has timestamps.
    pub fn open(path: &Path) -> Result<Self, WorkloadError> {
        let table = Table::open(path)?;
        if table.column(TIME_COLUMN).is_err() && table.column(SEQUENCE_COLUMN).is_ok() {
            let advice = "give it a pace, or take a trace with timestamps";
            return Err(table.error("the trace has an order but no clock", advice));
        }
        let time = Time::Column(table.column(TIME_COLUMN)?);
        Self::new(table, time)
    }

    /// Opens a trace and gives its events times of their own, `interval_ms` apart from 0 on, whether
    /// it has timestamps or only a sequence.
    pub fn open_paced(path: &Path, interval_ms: f64) -> Result<Self, WorkloadError> {
        Self::new(Table::open(path)?, Time::Pace { interval_ms, read: 0 })
    }

    fn new(table: Table, time: Time) -> Result<Self, WorkloadError> {
        let mut columns = [0; COLUMNS.len()];
        for (place, name) in columns.iter_mut().zip(COLUMNS) {
            *place = table.column(name)?;
        }
        Ok(Self { table, time, columns, failed: false })
    }

    /// The event on the line that was read last.
    fn event(&mut self) -> Result<TraceEvent, WorkloadError> {
        let timestamp_ms = match &mut self.time {
            Time::Column(column) => self.table.milliseconds(*column)?,
            Time::Pace { interval_ms, read } => {
                *read += 1;
                ((*read - 1) as f64 * *interval_ms) as i64
            }
        };
        let [op, key, size, client] = self.columns.map(|column| self.table.field(column));
        let op = TraceOp::from_name(op).ok_or_else(|| {
            let advice = "write store, retrieve, modify, delete, query or unknown";
            self.table.error(format!("unknown op `{op}`"), advice)
        })?;
        let size = match size {
            "" => None,
            size => Some(size.parse().map_err(|_| {
                self.table.error(
                    format!("size `{size}` is not a whole number"),
                    "write one, or leave it empty",
                )
            })?),
        };
        Ok(TraceEvent { timestamp_ms, op, key: key.into(), size, client: client.into() })
    }
}

impl Iterator for TraceReader {
    type Item = Result<TraceEvent, WorkloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let event = match self.table.next_line() {
            Ok(false) => return None,
            Ok(true) => self.event(),
            Err(error) => Err(error),
        };
        self.failed = event.is_err();
        Some(event)
    }
}

#[cfg(test)]
mod tests;
