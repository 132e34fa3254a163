//! A day of a table's history as stored bytes.
//!
//! One chunk per table and day (UTC): bins of the past never change, so that only today's chunk is
//! written again. The layout is postcard's encoding of [`ChunkV1`] in the crate's envelope; a changed
//! layout is a new version with a struct of its own, and the old one stays.

use crate::bins::HISTORY_BIN_MS;
use crate::envelope::Kind;
use crate::row::Row;
use crate::stored::StoredRows;
use crate::timeline::Timeline;
use crate::{Collector, WorkloadError};
use serde::{Deserialize, Serialize};
use types::TableId;

const KIND: Kind = Kind { tag: *b"FSWH", name: "day of workload history" };
const VERSION: u8 = 1;
const DAY_MS: i64 = 86_400_000;

/// A day of a table's history, at some state of completeness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DayRef {
    /// Days since the Unix epoch, UTC.
    pub day: i64,
    /// Rises whenever a bin is added: what was saved is up to date only if it still has this.
    pub revision: u64,
}

/// Version 1: adjacent bins of one day.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ChunkV1 {
    table: TableId,
    /// Start of the first bin.
    start_ms: i64,
    rows: StoredRows,
}

impl Collector {
    /// The days of a table that have bins which were not saved yet.
    pub fn changed_days(&self, table: TableId) -> Vec<DayRef> {
        let changed = self.tables.get(&table).into_iter().flat_map(|load| &load.changed_days);
        changed.map(|(day, revision)| DayRef { day: *day, revision: *revision }).collect()
    }

    /// A day of a table's history, to be saved; `None` if there is nothing of it (any more).
    pub fn encode_day(&self, table: TableId, day: i64) -> Option<Vec<u8>> {
        encode(table, self.history(table)?, day)
    }

    /// Remembers that a day was saved as it was when it was reported as changed.
    pub fn mark_saved(&mut self, table: TableId, saved: DayRef) {
        if let Some(load) = self.tables.get_mut(&table)
            && load.changed_days.get(&saved.day) == Some(&saved.revision)
        {
            load.changed_days.remove(&saved.day);
        }
    }

    /// Puts a saved day back into a table's history and says which day it was. The table must have
    /// been announced and must not have begun to count.
    pub fn restore_day(&mut self, table: TableId, bytes: &[u8]) -> Result<i64, WorkloadError> {
        let (owner, start_ms, rows) = decode(bytes)?;
        let mismatch = |reason: &str| WorkloadError::Mismatch {
            kind: KIND.name,
            table,
            reason: reason.into(),
        };
        if owner != table {
            return Err(mismatch("it was saved for another table"));
        }
        let load = self.tables.get_mut(&table).ok_or_else(|| mismatch("nobody announced it"))?;
        if load.is_counting() {
            return Err(mismatch("it has begun to count"));
        }
        load.restore_history(start_ms, rows);
        Ok(start_ms.div_euclid(DAY_MS))
    }
}

fn encode(table: TableId, history: &Timeline, day: i64) -> Option<Vec<u8>> {
    let of_day = |(start_ms, _): &(i64, &Row)| start_ms.div_euclid(DAY_MS) == day;
    let mut rows = history.rows().filter(of_day).peekable();
    let start_ms = rows.peek()?.0;
    let rows = StoredRows::of(rows.map(|(_, row)| row));
    let content = postcard::to_allocvec(&ChunkV1 { table, start_ms, rows });
    Some(KIND.wrap(VERSION, &content.expect("plain data can be encoded")))
}

fn decode(bytes: &[u8]) -> Result<(TableId, i64, Vec<Row>), WorkloadError> {
    let (version, content) = KIND.unwrap(bytes)?;
    if version != VERSION {
        return Err(KIND.unknown_version(version));
    }
    let chunk: ChunkV1 = postcard::from_bytes(&content).map_err(|error| KIND.error(error))?;
    let rows = chunk.rows.into_rows().map_err(|reason| KIND.error(reason))?;
    let in_a_day = rows.len() as i64 <= DAY_MS / HISTORY_BIN_MS;
    let on_time = chunk.start_ms.rem_euclid(HISTORY_BIN_MS) == 0;
    if !in_a_day || !on_time || chunk.start_ms.checked_add(DAY_MS).is_none() {
        return Err(KIND.error("its bins are not those of a day"));
    }
    Ok((chunk.table, chunk.start_ms, rows))
}
