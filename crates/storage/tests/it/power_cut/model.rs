//! What was said about each key, and whether the store agrees.
//!
//! Each key has one writer, and its writes are numbered: the n-th one stores the number, and every
//! fifth deletes the key. So what is found says which write was the last: it must be the last that was
//! acknowledged or shown to anybody, or the one that was under way.

use bytes::Bytes;
use std::collections::BTreeMap;

/// The writes of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// This one took place: it was acknowledged or shown.
    pub(crate) sure: u64,
    /// This one was handed over; the same, or one more.
    pub(crate) handed: u64,
}

/// All keys of all tables, with their table's name in front.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    keys: BTreeMap<String, Known>,
    pub(crate) tables: BTreeMap<String, TableKnown>,
}

/// What is known of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableKnown {
    /// Its making, or its dropping, is under way.
    pub(crate) unsure: bool,
    pub(crate) exists: bool,
    /// Its map had this epoch.
    pub(crate) epoch: u64,
}

/// One write in so many deletes.
const DELETE_EACH: u64 = 5;
/// The longest values: some memtables are full after two of them.
const PADDING_MAX: u64 = 1_500;

/// What the n-th write leaves; `None` for nothing.
pub(crate) fn value(key: &str, n: u64) -> Option<Bytes> {
    if n.is_multiple_of(DELETE_EACH) {
        return None;
    }
    let padding = (n * 7_919 + key.len() as u64 * 131) % PADDING_MAX;
    Some(Bytes::from(format!("{n}:{key}:{}", "x".repeat(padding as usize))))
}

/// The write that left `found`; `None` for nothing.
fn number(key: &str, found: &Bytes) -> Result<u64, String> {
    let text = std::str::from_utf8(found).map_err(|error| error.to_string())?;
    let n: u64 = text.split(':').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    match value(key, n).as_ref() == Some(found) {
        true => Ok(n),
        false => Err(format!("{key} has what nobody wrote: {text:.60}")),
    }
}

impl Model {
    pub(crate) fn known(&self, key: &str) -> Known {
        self.keys.get(key).copied().unwrap_or_default()
    }

    /// The keys of a table.
    pub(crate) fn keys(&self, table: &str) -> Vec<String> {
        let prefix = format!("{table}/");
        self.keys.keys().filter(|key| key.starts_with(&prefix)).cloned().collect()
    }

    /// Notes that a write is under way; answers its number.
    pub(crate) fn hand(&mut self, key: &str) -> u64 {
        let known = self.keys.entry(key.to_owned()).or_default();
        known.handed = known.sure + 1;
        known.handed
    }

    pub(crate) fn acknowledge(&mut self, key: &str, n: u64) {
        let known = self.keys.entry(key.to_owned()).or_default();
        known.sure = known.sure.max(n);
    }

    /// Something that was read: it must not be older than what was sure when the read began. It is sure
    /// from now on.
    pub(crate) fn shown(
        &mut self,
        key: &str,
        since: u64,
        found: Option<&Bytes>,
    ) -> Result<(), String> {
        let known = self.known(key);
        let n = match found {
            Some(found) => number(key, found)?,
            // The oldest write that explains it says the least.
            None => (since..=known.handed)
                .find(|n| n.is_multiple_of(DELETE_EACH))
                .ok_or_else(|| format!("{key} is gone: {known:?}, {since} when asked"))?,
        };
        if n < since || n > known.handed {
            return Err(format!("{key} shows {n}, but {known:?}, {since} when asked"));
        }
        self.acknowledge(key, n);
        Ok(())
    }

    /// What a new process finds is what there is: writes that were under way took place or never will.
    pub(crate) fn settle(&mut self) {
        for known in self.keys.values_mut() {
            known.handed = known.sure;
        }
    }

    /// A table is gone, and its keys with it.
    pub(crate) fn forget(&mut self, table: &str) {
        let prefix = format!("{table}/");
        self.keys.retain(|key, _| !key.starts_with(&prefix));
        self.tables.remove(table);
    }
}
