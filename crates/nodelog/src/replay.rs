//! What a start makes of the files: one pass over all segments, an index of the rows that are in no
//! other file, and an end of the log that is safe to go on from.
//!
//! Damage is told from an unfinished write (see [`format`](mod@crate::format)): the end of a segment
//! is an unfinished write if nothing intact is behind it, and the next segment, if there is one,
//! goes on with the very frame that would have been there. Everything else is refused, with file
//! and offset, and nothing is repaired.

use crate::disk::Disk;
use crate::error::{LogError, Result};
use crate::format::{
    self, HEADER_BYTES, Header, Record, Records, file_name, frame_at, intact_frame_after,
};
use crate::name::DatabaseName;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

mod index;

pub(crate) use index::{Found, Index};

/// Where rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The id that they were appended under.
    pub id: u64,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) length: u32,
}

impl Location {
    /// How many bytes they are.
    pub fn bytes(&self) -> usize {
        self.length as usize
    }

    /// Reads them.
    pub fn read(&self, disk: &dyn Disk) -> Result<Vec<u8>> {
        let file = file_name(self.segment);
        let mut rows = vec![0; self.bytes()];
        disk.read(&file, self.offset, &mut rows).map_err(LogError::io(&file, "reading"))?;
        Ok(rows)
    }
}

/// What the log has of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The id of its newest rows, also if they are not in the log any more.
    pub last_id: u64,
    /// All rows up to this id are known to be in other files.
    pub stored_id: u64,
    /// Its other rows, in order, without a gap.
    pub records: Vec<Location>,
}

/// A segment that was read.
#[derive(Debug)]
pub(crate) struct ReadSegment {
    pub(crate) number: u64,
    /// The end of its last intact frame.
    pub(crate) end: u64,
    /// Whether something other than zeros is behind it.
    pub(crate) torn: bool,
    /// How many frames it holds.
    pub(crate) frames: u64,
    length: u64,
    pub(crate) version: u8,
    pub(crate) salt: u64,
    /// It says that the log goes on in the next one.
    continued: bool,
    last_frame: Option<Range<usize>>,
    /// The newest id of each database that has rows in it.
    pub(crate) holds: BTreeMap<DatabaseName, u64>,
}

/// What a start goes on from.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) segments: Vec<ReadSegment>,
    pub(crate) databases: BTreeMap<DatabaseName, Found>,
    pub(crate) next_frame: u64,
}

/// Reads everything, cuts an unfinished write off, and makes the rest safe.
pub(crate) fn replay(disk: &dyn Disk) -> Result<Replayed> {
    let names = disk.list().map_err(LogError::io("directory", "listing"))?;
    for unfinished in names.iter().filter(|name| format::is_unfinished(name)) {
        disk.remove(unfinished).map_err(LogError::io(unfinished, "removing"))?;
    }
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| format::number_in(name)).collect();
    numbers.sort_unstable();
    let replayed = read_all(disk, &numbers)?;
    if let Some((newest, others)) = replayed.segments.split_last() {
        // They were forced when they ended, but perhaps not by a process that does force.
        for other in others {
            let file = file_name(other.number);
            disk.sync(&file).map_err(LogError::io(&file, "syncing"))?;
        }
        make_safe(disk, newest)?;
    }
    Ok(replayed)
}

/// Reads these segments, which follow one another, and changes nothing.
pub(crate) fn read_all(disk: &dyn Disk, numbers: &[u64]) -> Result<Replayed> {
    let mut index = Index::default();
    let mut segments: Vec<ReadSegment> = Vec::new();
    let mut next_frame = None;
    for number in numbers {
        let file = file_name(*number);
        if let Some(previous) = segments.last().filter(|previous| previous.number + 1 != *number) {
            let reason = format!("the file before it is {}", file_name(previous.number));
            return Err(LogError::damaged(&file, 0, reason));
        }
        let bytes = read_file(disk, &file)?;
        let header = read_header(&file, &bytes, *number)?;
        follows(segments.last(), next_frame, &file, header)?;
        let (segment, next) = read_segment(&file, &bytes, header, &mut index)?;
        next_frame = Some(next);
        segments.push(segment);
    }
    if let Some(last) = segments.last().filter(|last| last.continued) {
        let reason = format!(
            "it is missing, but {} goes on in it: acknowledged writes are lost. Restore the data \
             directory from a backup",
            file_name(last.number)
        );
        return Err(LogError::damaged(&file_name(last.number + 1), 0, reason));
    }
    let databases = index.finish()?;
    Ok(Replayed { segments, databases, next_frame: next_frame.unwrap_or(1) })
}

fn read_file(disk: &dyn Disk, file: &str) -> Result<Vec<u8>> {
    let length = disk.length(file).map_err(LogError::io(file, "reading the length"))?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    disk.read(file, 0, &mut bytes).map_err(LogError::io(file, "reading"))?;
    Ok(bytes)
}

/// A segment gets its name only when its header is on the disk: a bad one is damage, always.
fn read_header(file: &str, bytes: &[u8], number: u64) -> Result<Header> {
    let damaged = |reason: String| LogError::damaged(file, 0, reason);
    let header = Header::decode(bytes).map_err(|reason| damaged(reason.to_owned()))?;
    match header.number == number {
        true => Ok(header),
        false => Err(damaged(format!("it is segment {:x} by its header", header.number))),
    }
}

/// Makes sure that a segment goes on with the frame after the last one of the segment before it.
fn follows(
    before: Option<&ReadSegment>,
    expected: Option<u64>,
    file: &str,
    header: Header,
) -> Result<()> {
    let (Some(before), Some(expected)) = (before, expected) else {
        return Ok(());
    };
    if header.first_frame == expected {
        return Ok(());
    }
    let reason = format!(
        "frame {expected} is not intact, but {file} goes on with frame {}: acknowledged writes are \
         lost. Restore the data directory from a backup",
        header.first_frame
    );
    Err(LogError::damaged(&file_name(before.number), before.end, reason))
}

/// Reads a segment into the index; answers also the number of the frame that comes after it.
fn read_segment(
    file: &str,
    bytes: &[u8],
    header: Header,
    index: &mut Index,
) -> Result<(ReadSegment, u64)> {
    let mut frames = Vec::new();
    let (mut at, mut expected, mut continued) = (HEADER_BYTES, header.first_frame, false);
    while !continued
        && let Some(frame) = frame_at(bytes, at, header.salt).filter(|f| f.number == expected)
    {
        at = frame.end.min(bytes.len());
        continued = says_next(&bytes[frame.payload.clone()], header.number + 1);
        if !continued {
            frames.push(frame.payload);
            expected += 1;
        }
    }
    if frames.is_empty() {
        let reason = "its first frame is not intact, which was on the disk before the file had its \
                      name. Restore the data directory from a backup";
        return Err(LogError::damaged(file, at as u64, reason));
    }
    let torn = bytes[at..].iter().any(|byte| *byte != 0);
    if torn && let Some((behind, frame)) = intact_frame_after(bytes, at, header.salt, expected) {
        let reason = format!(
            "frame {expected} is damaged, but frame {} at offset {behind} is intact: acknowledged \
             writes are lost. Restore the data directory from a backup",
            frame.number
        );
        return Err(LogError::damaged(file, at as u64, reason));
    }
    let mut reading = Reading { file, number: header.number, locals: HashMap::new(), index };
    let mut holds = BTreeMap::new();
    for payload in &frames {
        reading.frame(bytes, payload, &mut holds)?;
    }
    let last_frame = frames.last().map(|payload| payload.start - format::FRAME_BYTES..at);
    let Header { version, number, salt, .. } = header;
    let (end, length, frames) = (at as u64, bytes.len() as u64, frames.len() as u64);
    let segment = ReadSegment {
        number,
        end,
        torn,
        frames,
        length,
        version,
        salt,
        continued,
        last_frame,
        holds,
    };
    Ok((segment, expected))
}

/// Whether a frame says that the log goes on in segment `next`.
fn says_next(payload: &[u8], next: u64) -> bool {
    let first = Records::new(payload).next();
    matches!(first, Some(Ok((Record::Next { segment }, _))) if segment == next)
}

/// A segment whose frames are being read.
struct Reading<'a> {
    file: &'a str,
    number: u64,
    locals: HashMap<u32, DatabaseName>,
    index: &'a mut Index,
}

impl Reading<'_> {
    fn frame(
        &mut self,
        bytes: &[u8],
        payload: &Range<usize>,
        holds: &mut BTreeMap<DatabaseName, u64>,
    ) -> Result<()> {
        for record in Records::new(&bytes[payload.clone()]) {
            let damaged = |at: usize, reason: String| {
                LogError::damaged(self.file, (payload.start + at) as u64, reason)
            };
            let (record, range) = record.map_err(|bad| {
                damaged(bad.0, "a record makes no sense in an intact frame".into())
            })?;
            let end = payload.start + range.end;
            self.record(record, end, holds).map_err(|reason| damaged(range.start, reason))?;
        }
        Ok(())
    }

    /// Takes one record in, which ends at offset `end` of the segment.
    fn record(
        &mut self,
        record: Record<'_>,
        end: usize,
        holds: &mut BTreeMap<DatabaseName, u64>,
    ) -> Result<(), String> {
        match record {
            Record::Database { local, name, last_id, stored_id } => {
                let name = DatabaseName::new(name).map_err(|error| error.to_string())?;
                self.index.database(&name, last_id, stored_id)?;
                self.locals.insert(local, name);
            }
            Record::Rows { local, previous_id, id, rows } => {
                let name = self.named(local)?;
                let length = rows.len() as u32;
                let offset = (end - rows.len()) as u64;
                let location = Location { id, segment: self.number, offset, length };
                self.index.rows(&name, previous_id, location)?;
                holds.insert(name, id);
            }
            Record::Drop { local } => {
                let name = self.named(local)?;
                self.index.drop(&name);
                self.locals.remove(&local);
                holds.remove(&name);
            }
            Record::Next { segment } => {
                return Err(format!("it cannot go on in {}", file_name(segment)));
            }
        }
        Ok(())
    }

    fn named(&self, local: u32) -> Result<DatabaseName, String> {
        let name = self.locals.get(&local).cloned();
        name.ok_or_else(|| format!("database {local} has no name in this file"))
    }
}

/// Cuts the unfinished end off the newest segment, and forces it onto the disk before anybody is
/// served from it: after a kill, its end may be in memory only. If an earlier sync of it failed, the
/// kernel may even take it for written though it is not: so its last frame, the only one that may
/// not be on the disk, is written once more.
fn make_safe(disk: &dyn Disk, newest: &ReadSegment) -> Result<()> {
    let file = file_name(newest.number);
    if newest.length > newest.end {
        disk.truncate(&file, newest.end).map_err(LogError::io(&file, "cutting"))?;
    }
    if let Some(range) = &newest.last_frame {
        let (offset, mut frame) = (range.start as u64, vec![0; range.len()]);
        disk.read(&file, offset, &mut frame).map_err(LogError::io(&file, "reading"))?;
        disk.write(&file, offset, &frame).map_err(LogError::io(&file, "writing"))?;
    }
    // Names are forced when the next segment gets its own.
    disk.sync(&file).map_err(LogError::io(&file, "syncing"))
}
