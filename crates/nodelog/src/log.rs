//! The log itself: segments, what they hold, and how groups get into them.
//!
//! No threads, no clock, no chance: everything that happens is a call here, and every effect a call
//! of the [`Disk`]. So a test can drive it step by step on a disk that fails at any of them, and the
//! same calls write the same bytes.
//!
//! Order is everything: a frame is written only when the one before it is on the disk; a segment
//! takes frames only when it, its beginning and its name are; a segment is removed only when the
//! disk has the marks that say that nobody needs it. After a failed operation nothing is written
//! any more ([`LogError::Failed`]): what the disk has is unknown then, and only a restart finds out.

use crate::disk::Disk;
use crate::error::{LogError, Result};
use crate::format::{
    FrameBuffer, HEADER_BYTES, Header, PAYLOAD_BYTES_MAX, Record, VERSION, file_name,
    unfinished_name,
};
use crate::hooks::{Hooks, LogPoint};
use crate::name::DatabaseName;
use crate::random::salt;
use crate::replay::{self, Found, Location, Recovered};
use crate::settings::LogSettings;
use database::Database;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

mod database;
mod release;

/// An open log.
#[derive(Debug)]
pub struct Log {
    disk: Arc<dyn Disk>,
    hooks: Arc<dyn Hooks>,
    settings: LogSettings,
    seed: u64,
    /// Oldest first; frames go to the last one.
    segments: VecDeque<Segment>,
    databases: BTreeMap<DatabaseName, Database>,
    /// The number that a database gets that is new in the newest segment.
    next_local: u32,
    next_frame: u64,
    frame: FrameBuffer,
    /// Up to here the newest segment has frames or zeros.
    zeroed: u64,
    failed: Option<Arc<LogError>>,
}

/// A file of the log.
#[derive(Debug)]
struct Segment {
    number: u64,
    file: String,
    version: u8,
    salt: u64,
    /// The end of its last frame.
    length: u64,
    /// The newest id of each database that has rows in it.
    holds: BTreeMap<DatabaseName, u64>,
}

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// Rows of a database.
    Rows {
        /// Whose.
        database: &'a DatabaseName,
        /// The id of its rows before these; for the first ones, the id up to which it needs no log.
        previous_id: u64,
        /// A greater id.
        id: u64,
        /// The rows.
        rows: &'a [u8],
    },
    /// A database is no more; nothing of it is needed.
    Drop(&'a DatabaseName),
}

/// How large a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSize {
    /// All segments together.
    pub bytes: u64,
    /// How many there are.
    pub segments: usize,
    /// The number of the one that is written to.
    pub newest: u64,
}

impl Log {
    /// Reads what is there and begins a new segment. Answers also what the log has of each database.
    pub fn open(
        disk: Arc<dyn Disk>,
        settings: LogSettings,
        seed: u64,
        hooks: Arc<dyn Hooks>,
    ) -> Result<(Self, BTreeMap<DatabaseName, Recovered>)> {
        settings.check()?;
        let replayed = replay::replay(&*disk)?;
        let known = replayed.databases.iter();
        let databases = known.map(|(name, found)| (name.clone(), Database::found(found))).collect();
        let segment = |read: replay::ReadSegment| Segment {
            number: read.number,
            file: file_name(read.number),
            version: read.version,
            salt: read.salt,
            length: read.end,
            holds: read.holds,
        };
        let mut log = Self {
            disk,
            hooks,
            settings,
            seed,
            segments: replayed.segments.into_iter().map(segment).collect(),
            databases,
            next_local: 0,
            next_frame: replayed.next_frame,
            frame: FrameBuffer::default(),
            zeroed: 0,
            failed: None,
        };
        // A drop also takes what older segments hold of the database.
        for segment in &mut log.segments {
            segment.holds.retain(|name, _| log.databases.contains_key(name));
        }
        log.begin_segment()?;
        let recovered =
            replayed.databases.into_iter().map(|(name, found)| (name, Found::recovered(found)));
        Ok((log, recovered.collect()))
    }

    /// Writes a group and forces it onto the disk: all of it is there when this returns. After an
    /// error it is unknown whether it is, and the log takes no more.
    pub fn commit(&mut self, group: &[Entry<'_>]) -> Result<()> {
        self.all_or_fail(|log| {
            if log.newest().length >= log.settings.segment_bytes {
                log.begin_segment()?;
            }
            let before = log.frame.payload().len();
            group.iter().try_for_each(|entry| log.encode(entry))?;
            if log.frame.payload().len() > before {
                log.write_frame()?;
            }
            group.iter().for_each(|entry| log.note(entry));
            Ok(())
        })
    }

    /// Writes an empty frame: damage of the frame before it cannot be taken for an unfinished
    /// write any more. For an end that is not followed by anything for long.
    pub fn seal(&mut self) -> Result<()> {
        self.all_or_fail(|log| {
            let _ = log.frame.payload();
            log.write_frame()
        })
    }

    /// How large the log is.
    pub fn size(&self) -> LogSize {
        let bytes = self.segments.iter().map(|segment| segment.length).sum();
        let newest = self.segments.back().map_or(0, |segment| segment.number);
        LogSize { bytes, segments: self.segments.len(), newest }
    }

    /// Whether the log has ever heard of a database, and not dropped it since.
    pub fn knows(&self, name: &DatabaseName) -> bool {
        self.databases.contains_key(name)
    }

    /// What the log has of a database, read from the files; `None` if it does not know it.
    pub fn locate(&self, name: &DatabaseName) -> Result<Option<Recovered>> {
        let numbers: Vec<u64> = self.segments.iter().map(|segment| segment.number).collect();
        let mut read = replay::read_all(&*self.disk, &numbers)?;
        Ok(read.databases.remove(name).map(Found::recovered))
    }

    /// Reads rows.
    pub fn read(&self, location: &Location) -> Result<Vec<u8>> {
        location.read(&*self.disk)
    }

    /// Takes nothing more, because of something that happened outside.
    pub(crate) fn fail(&mut self, error: &LogError) {
        self.failed.get_or_insert_with(|| Arc::new(error.clone()));
    }

    /// The failure after which nothing is written any more, if there was one.
    pub(crate) fn check(&self) -> Result<()> {
        self.failed.as_ref().map_or(Ok(()), |failed| Err(LogError::Failed(failed.clone())))
    }

    fn newest(&mut self) -> &mut Segment {
        self.segments.back_mut().expect("a log has a segment from the beginning")
    }

    /// Does something of which no half may be followed by anything.
    fn all_or_fail<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.check()?;
        let done = act(self);
        if let Err(error) = &done {
            self.failed = Some(Arc::new(error.clone()));
        }
        done
    }

    fn encode(&mut self, entry: &Entry<'_>) -> Result<()> {
        match *entry {
            Entry::Rows { database: name, previous_id, id, rows } => {
                let local = self.local(name, previous_id);
                let database = self.databases.get_mut(name).expect("it has a number now");
                if database.last_id != previous_id || id <= previous_id {
                    return Err(LogError::Refused(format!(
                        "rows {id} of {name} cannot follow {previous_id}: the log ends at {}",
                        database.last_id
                    )));
                }
                database.last_id = id;
                Record::Rows { local, previous_id, id, rows }.encode(self.frame.payload());
                if self.frame.payload().len() > PAYLOAD_BYTES_MAX {
                    return Err(LogError::Refused("a group is too large for a frame".to_owned()));
                }
            }
            Entry::Drop(name) => {
                if let Some(database) = self.databases.remove(name) {
                    Record::Drop { local: database.local }.encode(self.frame.payload());
                }
            }
        }
        Ok(())
    }

    /// The database's number in this segment. One that was never in the log gets a record first.
    fn local(&mut self, name: &DatabaseName, previous_id: u64) -> u32 {
        if let Some(database) = self.databases.get(name) {
            return database.local;
        }
        let local = self.next_local;
        self.next_local += 1;
        let database = Database::new(local, previous_id);
        database.record(name).encode(self.frame.payload());
        self.databases.insert(name.clone(), database);
        local
    }

    /// Takes down what the newest segment holds, now that it does.
    fn note(&mut self, entry: &Entry<'_>) {
        match *entry {
            Entry::Rows { database, id, .. } => {
                let holds = &mut self.newest().holds;
                match holds.get_mut(database) {
                    Some(newest) => *newest = id,
                    None => {
                        holds.insert(database.clone(), id);
                    }
                }
            }
            Entry::Drop(name) => {
                for segment in &mut self.segments {
                    segment.holds.remove(name);
                }
            }
        }
    }

    /// Writes the frame that was filled behind the last one, and forces it onto the disk.
    fn write_frame(&mut self) -> Result<()> {
        let (file, salt, at) = {
            let newest = self.newest();
            (newest.file.clone(), newest.salt, newest.length)
        };
        let mut bytes = self.frame.finish(salt, self.next_frame);
        let end = at + bytes.len() as u64;
        if end > self.zeroed {
            self.zeroed = self.zero_to(end);
            bytes.resize((self.zeroed - at) as usize, 0);
        }
        self.disk.write(&file, at, &bytes).map_err(LogError::io(&file, "writing"))?;
        self.reached(LogPoint::FrameWritten)?;
        self.disk.sync(&file).map_err(LogError::io(&file, "syncing"))?;
        self.reached(LogPoint::FrameSynced)?;
        self.frame.reuse(bytes);
        self.newest().length = end;
        self.next_frame += 1;
        Ok(())
    }

    /// Up to where a segment that ends at `end` is filled with zeros: some way ahead, but no further
    /// than it will be written.
    fn zero_to(&self, end: u64) -> u64 {
        (end + self.settings.zero_ahead_bytes).min(self.settings.segment_bytes.max(end))
    }

    /// Begins a segment with a record of each database, and ends the one before it. It gets its name
    /// when all that is on the disk, and its first frame when the name is.
    fn begin_segment(&mut self) -> Result<()> {
        let number = self.segments.back().map_or(1, |newest| newest.number + 1);
        let salt = salt(self.seed, number);
        let (file, unfinished) = (file_name(number), unfinished_name(number));
        let first_frame = self.next_frame;
        let mut bytes = Header { version: VERSION, number, first_frame, salt }.encode();
        self.encode_databases();
        bytes.extend(self.frame.finish(salt, self.next_frame));
        let length = bytes.len() as u64;
        debug_assert!(length > HEADER_BYTES as u64);
        self.zeroed = self.zero_to(length);
        bytes.resize(self.zeroed as usize, 0);
        self.disk.create(&unfinished).map_err(LogError::io(&unfinished, "making"))?;
        self.disk.write(&unfinished, 0, &bytes).map_err(LogError::io(&unfinished, "writing"))?;
        self.disk.sync(&unfinished).map_err(LogError::io(&unfinished, "syncing"))?;
        self.reached(LogPoint::SegmentPrepared)?;
        self.disk.rename(&unfinished, &file).map_err(LogError::io(&unfinished, "renaming"))?;
        self.disk.sync_directory().map_err(LogError::io("directory", "syncing"))?;
        self.next_frame += 1;
        let (version, holds) = (VERSION, BTreeMap::new());
        self.segments.push_back(Segment { number, file, version, salt, length, holds });
        self.reached(LogPoint::SegmentRolled)?;
        self.end_segment_before(number, first_frame)
    }

    /// Says in a segment that it goes on in this one, which has its name by now, and gives back the
    /// zeros behind it.
    fn end_segment_before(&mut self, number: u64, first_frame: u64) -> Result<()> {
        let ended = self.segments.iter_mut().rev().nth(1);
        let Some(ended) = ended.filter(|ended| ended.version == VERSION) else {
            return Ok(());
        };
        let mut frame = FrameBuffer::default();
        Record::Next { segment: number }.encode(frame.payload());
        let (file, bytes) = (&ended.file, frame.finish(ended.salt, first_frame));
        let end = ended.length + bytes.len() as u64;
        self.disk.write(file, ended.length, &bytes).map_err(LogError::io(file, "writing"))?;
        self.disk.truncate(file, end).map_err(LogError::io(file, "cutting"))?;
        self.disk.sync(file).map_err(LogError::io(file, "syncing"))?;
        ended.length = end;
        Ok(())
    }

    /// Fills the frame with a record of each database, numbering them anew.
    fn encode_databases(&mut self) {
        let payload = self.frame.payload();
        for (local, (name, database)) in self.databases.iter_mut().enumerate() {
            database.local = local as u32;
            database.safe_stored_id = database.stored_id;
            database.record(name).encode(payload);
        }
        self.next_local = self.databases.len() as u32;
    }

    fn reached(&self, point: LogPoint) -> Result<()> {
        self.hooks.reached(point).map_err(LogError::io("hook", "an injected fault"))
    }
}
