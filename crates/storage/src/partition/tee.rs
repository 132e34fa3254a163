//! What is written to a partition while its successors are made: kept in memory, to be written to them
//! before they serve.
//!
//! Nothing of this has to survive a crash: until the successors are published the partition itself
//! has everything, and by then they have it, too. Of each key only the newest change is kept. Memory
//! is bounded: above half of the bound writers wait for the copying ([`Backlog`]), and above all of it the
//! tee is of no use any more and says so.
//!
//! Writers of one key are ordered by its latch, and note a change while they hold it; so what is taken
//! later is newer.

use super::backlog::Backlog;
use super::{Change, Partition};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an entry takes besides its key and its value, about.
const ENTRY_BYTES: u64 = 96;

/// Keeps what is written.
#[derive(Debug)]
pub(crate) struct Tee {
    kept: Mutex<Kept>,
    backlog: Backlog,
    bytes_max: u64,
}

#[derive(Debug, Default)]
struct Kept {
    changes: BTreeMap<Bytes, KeptChange>,
    bytes: u64,
    /// How many changes came, whether they are still here or not.
    count: u64,
    useless: Option<Useless>,
}

/// The newest change of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptChange {
    pub(crate) seq: u64,
    /// `None` if the key was deleted.
    pub(crate) value: Option<Bytes>,
}

/// What was kept since it was last taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) changes: BTreeMap<Bytes, KeptChange>,
    pub(crate) bytes: u64,
}

/// Why what was kept is not all that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Useless {
    /// More was written than there is room for.
    Overrun,
    /// The engine answered a write with an error: it may be there or not.
    Unclear,
}

/// A change that is being handed over to the engine.
#[derive(Debug)]
pub(crate) struct Noting {
    tee: Arc<Tee>,
    /// `None` when it was handed over.
    change: Option<(Bytes, Option<Bytes>)>,
}

impl Tee {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let backlog = Backlog::new(0, bytes_max / 2);
        Self { kept: Mutex::default(), backlog, bytes_max }
    }

    /// To be told when the change was handed over.
    pub(crate) fn begin(self: &Arc<Self>, key: &Bytes, change: &Change) -> Noting {
        let value = match change {
            Change::Put(value) => Some(value.clone()),
            Change::Delete => None,
        };
        Noting { tee: self.clone(), change: Some((key.clone(), value)) }
    }

    /// What was kept since this was last called. The caller says when it is written ([`Tee::written`]).
    pub(crate) fn take(&self) -> Result<Taken, Useless> {
        let mut kept = self.kept.lock();
        if let Some(useless) = kept.useless {
            return Err(useless);
        }
        let (changes, bytes) = (std::mem::take(&mut kept.changes), std::mem::take(&mut kept.bytes));
        Ok(Taken { changes, bytes })
    }

    /// What was taken is written to the successors.
    pub(crate) fn written(&self, bytes: u64) {
        self.backlog.done(bytes);
    }

    /// How many changes were kept since the beginning, those that were replaced and taken included.
    pub(crate) fn count(&self) -> u64 {
        self.kept.lock().count
    }

    pub(crate) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    fn keep(&self, key: Bytes, change: KeptChange) {
        let mut kept = self.kept.lock();
        kept.count += 1;
        if kept.useless.is_some() {
            return;
        }
        let (added, key_bytes) = (change.bytes(key.len()), key.len());
        let replaced = kept.changes.insert(key, change).map_or(0, |old| old.bytes(key_bytes));
        kept.bytes = kept.bytes + added - replaced;
        self.backlog.add(added);
        self.backlog.done(replaced);
        if self.backlog.outstanding() > self.bytes_max {
            self.give_up(&mut kept, Useless::Overrun);
        }
    }

    /// Keeps nothing any more.
    fn give_up(&self, kept: &mut Kept, why: Useless) {
        kept.useless.get_or_insert(why);
        kept.changes = BTreeMap::new();
        self.backlog.end();
    }
}

impl KeptChange {
    /// About how much memory it takes.
    fn bytes(&self, key_bytes: usize) -> u64 {
        let value_bytes = self.value.as_ref().map_or(0, Bytes::len);
        (key_bytes + value_bytes) as u64 + ENTRY_BYTES
    }
}

impl Noting {
    /// The engine has the change, under this number.
    pub(crate) fn handed_over(mut self, seq: u64) {
        if let Some((key, value)) = self.change.take() {
            self.tee.keep(key, KeptChange { seq, value });
        }
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        if self.change.is_some() {
            self.tee.give_up(&mut self.tee.kept.lock(), Useless::Unclear);
        }
    }
}

impl Partition {
    /// Keeps what is written from now on. Answers the largest sequence number of what was not kept, too:
    /// writes wait for no longer than it takes those to be handed over that have begun.
    pub(crate) async fn start_tee(&self, bytes_max: u64) -> (Arc<Tee>, u64) {
        let tee = Arc::new(Tee::new(bytes_max));
        let _gate = self.close_gate().await;
        self.tee.store(Some(tee.clone()));
        (tee, self.accepted_seq())
    }

    /// Keeps nothing any more.
    pub(crate) fn stop_tee(&self) {
        if let Some(tee) = self.tee.swap(None) {
            tee.backlog.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(tee: &Arc<Tee>, seq: u64, key: &str, value: Option<&str>) {
        let value = value.map(|value| Bytes::from(value.to_owned()));
        let change = value.map_or(Change::Delete, Change::Put);
        tee.begin(&Bytes::from(key.to_owned()), &change).handed_over(seq);
    }

    fn kept(tee: &Tee) -> Vec<(String, u64, Option<Bytes>)> {
        let taken = tee.take().unwrap();
        tee.written(taken.bytes);
        let name = |key: Bytes| String::from_utf8(key.to_vec()).unwrap();
        taken.changes.into_iter().map(|(key, kept)| (name(key), kept.seq, kept.value)).collect()
    }

    #[test]
    fn the_newest_change_of_each_key_is_kept_until_it_is_taken() {
        let tee = Arc::new(Tee::new(10_000));
        write(&tee, 3, "b", Some("old"));
        write(&tee, 4, "a", Some("1"));
        write(&tee, 5, "b", None);
        assert_eq!(kept(&tee), [("a".into(), 4, Some("1".into())), ("b".into(), 5, None)]);
        write(&tee, 6, "a", Some("2"));
        assert_eq!(kept(&tee), [("a".into(), 6, Some("2".into()))]);
        assert_eq!((tee.count(), tee.backlog().outstanding()), (4, 0));
    }

    #[test]
    fn writers_wait_from_half_of_the_bound_on_and_all_of_it_is_too_much() {
        let tee = Arc::new(Tee::new(4 * (ENTRY_BYTES + 2)));
        write(&tee, 1, "a", Some("1"));
        write(&tee, 2, "a", Some("2"));
        assert!(!tee.backlog().is_full(), "what was replaced does not count");
        write(&tee, 3, "b", Some("1"));
        assert!(tee.backlog().is_full());
        write(&tee, 4, "c", Some("1"));
        write(&tee, 5, "d", Some("1"));
        assert!(tee.take().is_ok_and(|taken| taken.changes.len() == 4));
        write(&tee, 6, "e", Some("1"));
        assert_eq!(tee.take().unwrap_err(), Useless::Overrun, "what was taken is not written yet");
        assert!(!tee.backlog().is_full(), "nobody waits for nothing");
        assert_eq!(tee.count(), 6);
    }

    #[test]
    fn a_write_that_failed_may_be_there_or_not() {
        let tee = Arc::new(Tee::new(10_000));
        write(&tee, 1, "a", Some("1"));
        drop(tee.begin(&Bytes::from("b"), &Change::Delete));
        assert_eq!(tee.take().unwrap_err(), Useless::Unclear);
    }
}
