//! Records: what the payload of a frame consists of.

use super::{split_u32, split_u64};
use std::ops::Range;

const DATABASE: u8 = 1;
const ROWS: u8 = 2;
const DROP: u8 = 3;
const NEXT: u8 = 4;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// From here on, `local` stands for this database in this segment.
    Database {
        local: u32,
        name: &'a str,
        /// The id of its newest rows in the log so far.
        last_id: u64,
        /// Its rows up to this id are in other files.
        stored_id: u64,
    },
    /// Rows of a database, which belong together.
    Rows { local: u32, previous_id: u64, id: u64, rows: &'a [u8] },
    /// All of this database in the log so far counts for nothing.
    Drop { local: u32 },
    /// The log goes on in this segment. Nothing follows.
    Next { segment: u64 },
}

impl Record<'_> {
    /// Appends the record to a payload.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        match *self {
            Self::Database { local, name, last_id, stored_id } => {
                let length = u16::try_from(name.len()).expect("names are bounded");
                into.push(DATABASE);
                into.extend_from_slice(&local.to_le_bytes());
                into.extend_from_slice(&last_id.to_le_bytes());
                into.extend_from_slice(&stored_id.to_le_bytes());
                into.extend_from_slice(&length.to_le_bytes());
                into.extend_from_slice(name.as_bytes());
            }
            Self::Rows { local, previous_id, id, rows } => {
                let length = u32::try_from(rows.len()).expect("appends are bounded");
                into.push(ROWS);
                into.extend_from_slice(&local.to_le_bytes());
                into.extend_from_slice(&previous_id.to_le_bytes());
                into.extend_from_slice(&id.to_le_bytes());
                into.extend_from_slice(&length.to_le_bytes());
                into.extend_from_slice(rows);
            }
            Self::Drop { local } => {
                into.push(DROP);
                into.extend_from_slice(&local.to_le_bytes());
            }
            Self::Next { segment } => {
                into.push(NEXT);
                into.extend_from_slice(&0_u32.to_le_bytes());
                into.extend_from_slice(&segment.to_le_bytes());
            }
        }
    }

    /// How many bytes a rows record takes.
    pub(crate) fn rows_bytes(rows: usize) -> usize {
        1 + 4 + 8 + 8 + 4 + rows
    }
}

/// Reads the records of a payload one after the other.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    payload: &'a [u8],
    at: usize,
}

/// A record that does not parse; where in the payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRecord(pub(crate) usize);

impl<'a> Records<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { payload, at: 0 }
    }

    fn parse(&self) -> Option<(Record<'a>, usize)> {
        let (kind, rest) = self.payload.get(self.at..)?.split_first()?;
        let (local, rest) = split_u32(rest)?;
        let (record, rest) = match *kind {
            DATABASE => {
                let (last_id, rest) = split_u64(rest)?;
                let (stored_id, rest) = split_u64(rest)?;
                let (length, rest) = rest.split_first_chunk()?;
                let (name, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
                let name = std::str::from_utf8(name).ok()?;
                (Record::Database { local, name, last_id, stored_id }, rest)
            }
            ROWS => {
                let (previous_id, rest) = split_u64(rest)?;
                let (id, rest) = split_u64(rest)?;
                let (length, rest) = split_u32(rest)?;
                let (rows, rest) = rest.split_at_checked(length as usize)?;
                (Record::Rows { local, previous_id, id, rows }, rest)
            }
            DROP => (Record::Drop { local }, rest),
            NEXT => {
                let (segment, rest) = split_u64(rest)?;
                (Record::Next { segment }, rest)
            }
            _ => return None,
        };
        Some((record, self.payload.len() - rest.len()))
    }
}

impl<'a> Iterator for Records<'a> {
    /// The record and where it is in the payload. The rows of a rows record are its last bytes.
    type Item = Result<(Record<'a>, Range<usize>), BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.payload.len() {
            return None;
        }
        let begin = self.at;
        match self.parse() {
            Some((record, end)) => {
                self.at = end;
                Some(Ok((record, begin..end)))
            }
            None => {
                self.at = self.payload.len();
                Some(Err(BadRecord(begin)))
            }
        }
    }
}
