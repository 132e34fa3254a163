//! Looks at the files of a log that nobody has open, and changes nothing.
//!
//! What [`NodeLog::open`](crate::NodeLog::open) would refuse is an error here, with the same words; what
//! it would repair, an unfinished end or an unfinished segment, is only told. For checking a store
//! that was stopped, not for reading from one that runs: the caller has the directory.

use crate::disk::Disk;
use crate::error::{LogError, Result};
use crate::format::{self, file_name};
use crate::name::DatabaseName;
use crate::replay::{self, Found, Recovered};
use std::collections::BTreeMap;

/// What the files of a log hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// How many segments there are.
    pub segments: usize,
    /// How many groups they hold, empty ones included.
    pub frames: u64,
    /// All segments together, up to their last frames.
    pub bytes: u64,
    /// The end of the newest segment, if it is a write that was never finished.
    pub torn: Option<TornEnd>,
    /// Segments that were never finished; they hold nothing.
    pub unfinished: Vec<String>,
    /// Files that are no part of a log.
    pub strangers: Vec<String>,
    /// What there is of each database.
    pub databases: BTreeMap<DatabaseName, Recovered>,
}

/// A write that was never finished, and of which nobody was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornEnd {
    /// The segment.
    pub file: String,
    /// Where it begins.
    pub offset: u64,
}

/// Reads every segment, frame and chain of rows.
pub fn inspect(disk: &dyn Disk) -> Result<Inspection> {
    let mut names = disk.list().map_err(LogError::io("directory", "listing"))?;
    names.sort_unstable();
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| format::number_in(name)).collect();
    numbers.sort_unstable();
    let replayed = replay::read_all(disk, &numbers)?;
    let (unfinished, rest): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| format::is_unfinished(name));
    let newest = replayed.segments.last().filter(|newest| newest.torn);
    let torn = newest.map(|torn| TornEnd { file: file_name(torn.number), offset: torn.end });
    let databases = replayed.databases.into_iter();
    Ok(Inspection {
        segments: replayed.segments.len(),
        frames: replayed.segments.iter().map(|segment| segment.frames).sum(),
        bytes: replayed.segments.iter().map(|segment| segment.end).sum(),
        torn,
        unfinished,
        strangers: rest.into_iter().filter(|name| format::number_in(name).is_none()).collect(),
        databases: databases.map(|(name, found)| (name, Found::recovered(found))).collect(),
    })
}
