//! What was said about each key, and whether the store agrees.
//!
//! Each key of a table has one writer, and each write has a number that no other write of any table has: it
//! stores the number, and every fifth number deletes the key. So what is found says which write was the
//! last: it must be the last that was acknowledged or shown to anybody, or the one that was under way. It is noted, too, on
//! one clock for all, when each write began and when it was known to have taken place: with that,
//! [`backups`] are judged.

use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use types::{BackupId, TableId};

pub(crate) mod backups;
pub(crate) mod blobs;

use backups::{BackupKnown, Stage};
use blobs::BlobKnown;

/// One write of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Write {
    number: u64,
    began: u64,
    /// When it was acknowledged or shown; [`NEVER`] if that has not happened.
    ended: u64,
}

/// Not a moment that comes.
const NEVER: u64 = u64::MAX;
/// What leaves nothing: the state of before the first write.
const NOTHING: Write = Write { number: 0, began: 0, ended: 0 };

/// The writes of one key, in order.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Known {
    writes: Vec<Write>,
    /// This one took place. After it comes one that is under way, at the most.
    sure: usize,
}

/// What is known of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableKnown {
    pub(crate) change: Change,
    pub(crate) exists: bool,
    /// Its map had this epoch, and its key order had changed so many times.
    pub(crate) epoch: u64,
    pub(crate) order: u64,
    /// A rekey may be under way.
    pub(crate) rekey: bool,
    pub(crate) keys: BTreeMap<String, Known>,
}

/// What is under way with a table: it may be there or not until somebody looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Change {
    #[default]
    None,
    Making,
    /// Being restored from the backup with this tag.
    Restoring(u64),
    Dropping,
}

/// All that was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    now: u64,
    numbers: u64,
    pub(crate) tables: BTreeMap<String, TableKnown>,
    /// The numbers of the tables, as they were seen last.
    pub(crate) ids: BTreeSet<TableId>,
    pub(crate) backups: BTreeMap<u64, BackupKnown>,
    pub(crate) blobs: BTreeMap<String, BlobKnown>,
}

/// One number in so many deletes.
const DELETE_EACH: u64 = 5;
/// The longest values: some memtables are full after two of them.
const PADDING_MAX: u64 = 1_500;

/// What the write with this number leaves; `None` for nothing.
pub(crate) fn value(key: &str, number: u64) -> Option<Bytes> {
    (!number.is_multiple_of(DELETE_EACH)).then(|| content(key, number))
}

/// A text that nobody else writes.
pub(crate) fn content(key: &str, number: u64) -> Bytes {
    let padding = (number * 7_919 + key.len() as u64 * 131) % PADDING_MAX;
    Bytes::from(format!("{number}:{key}:{}", "x".repeat(padding as usize)))
}

impl Default for Known {
    fn default() -> Self {
        Self { writes: vec![NOTHING], sure: 0 }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<u64> = self.writes[self.sure..].iter().map(|w| w.number).collect();
        write!(f, "write {} of {}, then {:?}", numbers[0], self.writes.len() - 1, &numbers[1..])
    }
}

impl Known {
    /// What a key begins with that was restored: `found` is there, and has been always.
    fn restored(number: u64) -> Self {
        Self { writes: vec![Write { number, ..NOTHING }], sure: 0 }
    }

    /// Which write was sure last, as a place among those of the key.
    pub(crate) fn sure(&self) -> usize {
        self.sure
    }

    /// What may be there: what the last sure write has left, and what the one under way leaves.
    pub(crate) fn may_be(&self, key: &str) -> Vec<Option<Bytes>> {
        self.writes[self.sure..].iter().map(|write| value(key, write.number)).collect()
    }

    /// The first write from `since` on that leaves what was found.
    fn place(&self, key: &str, since: usize, found: Option<&Bytes>) -> Option<usize> {
        let places = self.writes.iter().enumerate().skip(since);
        let mut places = places.filter(|(_, write)| value(key, write.number).as_ref() == found);
        places.next().map(|(place, _)| place)
    }

    /// The times at which the key may have been as it was found: from the beginning of a write that leaves that to
    /// the end of the next one.
    fn spans(&self, key: &str, found: Option<&Bytes>) -> Vec<(u64, u64)> {
        let ends = self.writes.iter().skip(1).map(|next| next.ended).chain([NEVER]);
        let spans = self.writes.iter().zip(ends);
        let spans = spans.filter(|(write, _)| value(key, write.number).as_ref() == found);
        spans.map(|(write, end)| (write.began, end)).collect()
    }

    fn took_place(&mut self, place: usize, now: u64) {
        for write in self.writes[..=place].iter_mut().filter(|write| write.ended == NEVER) {
            write.ended = now;
        }
        self.sure = self.sure.max(place);
    }
}

impl Model {
    /// The moment: another one each time.
    pub(crate) fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// A number that nobody had.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn known(&self, table: &str, key: &str) -> Known {
        let known = self.tables.get(table).and_then(|table| table.keys.get(key));
        known.cloned().unwrap_or_default()
    }

    pub(crate) fn table(&mut self, name: &str) -> &mut TableKnown {
        self.tables.entry(name.to_owned()).or_default()
    }

    /// The keys of a table, and which of their writes is sure.
    pub(crate) fn sure(&self, table: &str) -> BTreeMap<String, usize> {
        let keys = self.tables.get(table).map(|table| &table.keys);
        let keys = keys.into_iter().flatten();
        keys.map(|(key, known)| (key.clone(), known.sure)).collect()
    }

    /// Notes that a write is under way; answers its place and its number. One whose outcome nobody has told is
    /// tried again.
    pub(crate) fn hand(&mut self, table: &str, key: &str) -> (usize, u64) {
        let began = self.tick();
        let next = self.numbers + 1;
        let known = self.table(table).keys.entry(key.to_owned()).or_default();
        if known.writes.len() == known.sure + 1 {
            known.writes.push(Write { number: next, began, ended: NEVER });
            self.numbers = next;
        }
        let known = self.known(table, key);
        (known.sure + 1, known.writes[known.sure + 1].number)
    }

    pub(crate) fn acknowledge(&mut self, table: &str, key: &str, place: usize) {
        let now = self.tick();
        self.table(table).keys.entry(key.to_owned()).or_default().took_place(place, now);
    }

    /// Something that was read: it must not be older than what was sure when the read began. It is sure
    /// from now on.
    pub(crate) fn shown(
        &mut self,
        table: &str,
        key: &str,
        since: usize,
        found: Option<&Bytes>,
    ) -> Result<(), String> {
        let known = self.known(table, key);
        // The oldest write that explains it says the least.
        match known.place(key, since, found) {
            Some(place) => {
                self.acknowledge(table, key, place);
                Ok(())
            }
            None => Err(format!(
                "{key} of {table} shows {found:.60?}, but it is {known:?}, and was at {since} when asked"
            )),
        }
    }

    /// What a new process finds is what there is: writes that were under way took place or never will.
    pub(crate) fn settle(&mut self) {
        let tables = self.tables.values_mut();
        for known in tables.flat_map(|table| table.keys.values_mut()) {
            known.writes.truncate(known.sure + 1);
        }
    }

    /// A table is gone, and its keys with it.
    pub(crate) fn forget(&mut self, table: &str) {
        self.tables.insert(table.to_owned(), TableKnown::default());
    }

    /// A table is what was found in a backup.
    pub(crate) fn restored(&mut self, table: &str, tag: u64, epoch: u64) {
        let keys = self.backups.get(&tag).map(BackupKnown::keys).unwrap_or_default();
        let known = TableKnown { exists: true, epoch, keys, ..TableKnown::default() };
        self.tables.insert(table.to_owned(), known);
    }

    /// Notes that a backup of a table is being made; answers its tag.
    pub(crate) fn begin_backup(&mut self, table: &str) -> u64 {
        let from = self.tick();
        let tag = self.number();
        self.backups.insert(tag, BackupKnown::begun(table, from));
        tag
    }

    /// A backup is there: its instant was between its beginning and now.
    pub(crate) fn backup_is_whole(&mut self, tag: u64, id: BackupId) {
        let to = self.tick();
        let Some(backup) = self.backups.get_mut(&tag) else { return };
        let table = self.tables.get(&backup.table);
        backup.taken(id, to, table.map(|table| table.keys.clone()).unwrap_or_default());
    }

    /// The backups that can be restored, for sure.
    pub(crate) fn whole_backups(&self) -> Vec<u64> {
        let whole = self.backups.iter().filter(|(_, backup)| backup.stage == Stage::Whole);
        whole.map(|(tag, _)| *tag).collect()
    }
}
