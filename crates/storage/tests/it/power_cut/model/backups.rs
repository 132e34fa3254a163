//! What a backup may have: the table's state at one moment between its beginning and its end, and from then on always
//! the same.
//!
//! A moment explains what was restored if every write that was known to have taken place before it is there, and
//! none that began after it. Of a key that is not there nobody can tell which deletion it was; so a key gives
//! spans of time, and a moment has to lie in a span of each.

use super::{Known, value};
use bytes::Bytes;
use std::collections::BTreeMap;
use types::BackupId;

/// The rows that a restored table has.
pub(crate) type Rows = BTreeMap<String, Bytes>;

/// What is known of a backup.
#[derive(Clone, Debug)]
pub(crate) struct BackupKnown {
    pub(crate) table: String,
    pub(crate) stage: Stage,
    pub(crate) id: Option<BackupId>,
    from: u64,
    to: u64,
    /// The writes of the table, as far as they were known when it was whole.
    keys: BTreeMap<String, Known>,
    /// What was restored from it first.
    rows: Option<Rows>,
}

/// Where a backup is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It may become whole, or have been undone.
    Making,
    Whole,
    /// It may be gone, or whole still.
    Deleting,
    Gone,
}

impl BackupKnown {
    pub(super) fn begun(table: &str, from: u64) -> Self {
        Self {
            table: table.to_owned(),
            stage: Stage::Making,
            id: None,
            from,
            to: from,
            keys: BTreeMap::new(),
            rows: None,
        }
    }

    pub(super) fn taken(&mut self, id: BackupId, to: u64, keys: BTreeMap<String, Known>) {
        (self.stage, self.id, self.to, self.keys) = (Stage::Whole, Some(id), to, keys);
    }

    /// Compares it with what was restored.
    pub(crate) fn shown(&mut self, rows: Rows) -> Result<(), String> {
        if let Some(before) = self.rows.as_ref().filter(|before| **before != rows) {
            let other = |key: &&String| before.get(*key) != rows.get(*key);
            let key = before.keys().chain(rows.keys()).find(other);
            return Err(format!("a backup of {} shows another {key:?} than before", self.table));
        }
        if let Some(why) = unexplained(&self.keys, &rows, self.from, self.to) {
            return Err(format!("a backup of {}: {why}", self.table));
        }
        self.rows = Some(rows);
        Ok(())
    }

    /// What is known of the keys of a table that was restored from it and compared.
    pub(super) fn keys(&self) -> BTreeMap<String, Known> {
        let rows = self.rows.iter().flatten();
        let known = rows.filter_map(|(key, row)| {
            let writes = &self.keys.get(key)?.writes;
            let write = writes.iter().find(|write| value(key, write.number).as_ref() == Some(row));
            Some((key.clone(), Known::restored(write?.number)))
        });
        known.collect()
    }
}

/// Why no moment from `from` to `to` explains what was restored, if none does.
fn unexplained(keys: &BTreeMap<String, Known>, rows: &Rows, from: u64, to: u64) -> Option<String> {
    if let Some(stranger) = rows.keys().find(|key| !keys.contains_key(*key)) {
        return Some(format!("{stranger} was never written"));
    }
    let spans: BTreeMap<&String, Vec<(u64, u64)>> =
        keys.iter().map(|(key, known)| (key, known.spans(key, rows.get(key)))).collect();
    let begins = spans.values().flatten().map(|(begin, _)| *begin);
    let moments = begins.filter(|begin| (from..=to).contains(begin)).chain([from]);
    let holds = |moment: u64, spans: &[(u64, u64)]| {
        spans.iter().any(|(begin, end)| (*begin..*end).contains(&moment))
    };
    let explains = |moment: u64| spans.values().all(|spans| holds(moment, spans));
    match moments.into_iter().any(explains) {
        true => None,
        false => Some(format!("no moment from {from} to {to} explains it: {spans:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NEVER, NOTHING, Write};
    use super::*;

    fn known(writes: &[(u64, u64, u64)]) -> Known {
        let writes = writes.iter().map(|(number, began, ended)| Write {
            number: *number,
            began: *began,
            ended: *ended,
        });
        Known { writes: [NOTHING].into_iter().chain(writes).collect(), sure: 0 }
    }

    #[test]
    fn states_that_no_moment_explains_are_found() {
        // One client: a, then b, then a again; another has deleted c, and writes it again.
        let keys = BTreeMap::from([
            ("a".to_owned(), known(&[(1, 1, 2), (2, 5, 6)])),
            ("b".to_owned(), known(&[(3, 3, 4)])),
            ("c".to_owned(), known(&[(4, 1, 2), (5, 3, 4), (6, 8, NEVER)])),
        ]);
        for (from, to, rows, explained) in [
            (0, 9, &[][..], true),
            (0, 9, &[("a", 1), ("c", 4)], true),
            (0, 9, &[("a", 1), ("b", 3), ("c", 4)], true),
            (0, 9, &[("a", 1), ("b", 3)], true),
            (0, 9, &[("a", 2), ("b", 3)], true),
            (9, 9, &[("a", 2), ("b", 3)], true),
            (9, 9, &[("a", 2), ("b", 3), ("c", 6)], true),
            // The later one is there and the earlier one is not.
            (0, 9, &[("b", 3), ("c", 4)], false),
            (0, 9, &[("a", 2)], false),
            // It was deleted before that, and is there.
            (0, 9, &[("a", 2), ("b", 3), ("c", 4)], false),
            // Acknowledged before it began, and missing.
            (3, 9, &[("c", 4)], false),
            (6, 9, &[("a", 1), ("b", 3)], false),
            // Begun after it was over.
            (0, 4, &[("a", 2), ("b", 3)], false),
            (0, 7, &[("a", 2), ("b", 3), ("c", 6)], false),
            // Never written.
            (0, 9, &[("a", 7), ("b", 3)], false),
            (0, 9, &[("a", 1), ("d", 1)], false),
        ] {
            let row = |(key, number): &(&str, u64)| (key.to_string(), value(key, *number).unwrap());
            let found: Rows = rows.iter().map(row).collect();
            let why = unexplained(&keys, &found, from, to);
            assert_eq!(why.is_none(), explained, "{from}..{to} {rows:?}: {why:?}");
        }
    }
}
