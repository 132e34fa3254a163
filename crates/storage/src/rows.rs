//! The row cache: the newest durable versions of keys that are read often, for all partitions.
//!
//! A read that is answered here costs a look into a map in memory instead of a search through
//! memtables, filters and blocks. It must show what the engine would show, so a version comes in only
//! when it is certain to stay the newest until the next write of its key says otherwise:
//!
//! 1. A writer [marks](Rows::writing) the key's stripe and removes the key *before* the engine gets
//!    the change, and unmarks it afterwards with the change's sequence number.
//! 2. A reader that misses takes [note](Rows::note) of the stripe before it asks the engine: nobody
//!    writes there, and the stripe's last change is durable, so durable reads show it.
//! 3. It [keeps](Rows::keep) what it has read only if the stripe is still as it was noted.
//!
//! So between 2 and 3 no write of the key was handed over, and what was read is its newest version.
//! Stripes are per open partition. Entries bear a number that partitions share which were opened
//! together: their keys are apart. So a reslice can [hand down](Rows::hand_down) what its parents have,
//! without touching it, and hot keys stay hot; a database that is opened again begins anew, because
//! writes may have come to be durable that nobody was told of.
//! Which keys stay is the map's business (moka: TinyLFU, by bytes).

use bytes::Bytes;
use moka::sync::Cache;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::{Xxh3DefaultBuilder, xxh3_64};

/// Stripes per partition, 4 kB of them.
const STRIPES: usize = 256;
/// What an entry costs beside its key and value, about.
const ENTRY_BYTES: usize = 100;

/// The number of a partition's rows, and which key.
type RowKey = (u64, Bytes);

/// The cache of a process.
#[derive(Clone, Debug)]
pub(crate) struct RowCache {
    rows: Option<Cache<RowKey, Option<Bytes>, Xxh3DefaultBuilder>>,
    numbers: Arc<AtomicU64>,
}

/// Under which number partitions keep rows that are opened together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowsNumber(u64);

/// A partition's part of it.
#[derive(Debug)]
pub(crate) struct Rows {
    cache: RowCache,
    number: AtomicU64,
    stripes: Box<[Mutex<Stripe>]>,
}

/// What is under way at the keys of a stripe.
#[derive(Clone, Copy, Debug, Default)]
struct Stripe {
    /// How many changes are being handed to the engine.
    writing: u32,
    /// The sequence number of the last one that was.
    last: u64,
    /// Others answer for its keys from now on: nothing is kept any more.
    handed_down: bool,
}

/// A stripe at which nobody was writing, and how it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    last: u64,
}

/// A change that is being handed to the engine.
pub(crate) struct Writing<'a> {
    stripe: &'a Mutex<Stripe>,
}

impl RowCache {
    /// A cache of `bytes` at the most; none at all if that is 0.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |(_, key): &RowKey, value: &Option<Bytes>| {
            let value = value.as_ref().map_or(0, Bytes::len);
            u32::try_from(ENTRY_BYTES + key.len() + value).unwrap_or(u32::MAX)
        };
        let builder = || Cache::builder().max_capacity(bytes).weigher(weigh);
        let rows = (bytes > 0).then(|| builder().build_with_hasher(Xxh3DefaultBuilder::new()));
        Self { rows, numbers: Arc::default() }
    }

    /// For partitions that are opened together, none of whose keys is another's.
    pub(crate) fn number(&self) -> RowsNumber {
        RowsNumber(self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// For one of them.
    pub(crate) fn of_partition(&self, RowsNumber(number): RowsNumber) -> Rows {
        let stripes = (0..STRIPES).map(|_| Mutex::default()).collect();
        Rows { cache: self.clone(), number: number.into(), stripes }
    }
}

impl Rows {
    /// The newest durable version of a key, if it is known: also that there is none.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        let rows = self.cache.rows.as_ref()?;
        rows.get(&self.row(Bytes::copy_from_slice(key)))
    }

    /// Forgets a key, as an entry of a database that is closed.
    pub(crate) fn lose(&self, key: &[u8]) {
        if let Some(rows) = &self.cache.rows {
            rows.invalidate(&self.row(Bytes::copy_from_slice(key)));
        }
    }

    /// To be taken before a read; `durable` says whether all up to a sequence number is durable.
    /// `None` if what is read now must not be kept.
    pub(crate) fn note(&self, key: &[u8], durable: impl FnOnce(u64) -> bool) -> Option<Note> {
        self.cache.rows.as_ref()?;
        let stripe = *self.stripe(key).lock();
        (stripe.writing == 0 && durable(stripe.last)).then_some(Note { last: stripe.last })
    }

    /// Keeps what a durable read has shown, if nobody has written since the note was taken.
    pub(crate) fn keep(&self, key: &[u8], value: Option<&Bytes>, note: Note) {
        let Some(rows) = &self.cache.rows else {
            return;
        };
        let key = Bytes::copy_from_slice(key);
        // A value may be a part of a much larger block.
        let value = value.map(|value| Bytes::copy_from_slice(value));
        let stripe = self.stripe(&key).lock();
        if stripe.writing == 0 && stripe.last == note.last && !stripe.handed_down {
            rows.insert(self.row(key), value);
        }
    }

    /// Leaves what is known to partitions that nobody writes to or reads from yet, and that have all the
    /// predecessors have; to these nobody writes any more. Nothing is left if it stands under several numbers.
    pub(crate) fn hand_down<'a>(
        from: impl Iterator<Item = &'a Self>,
        to: impl Iterator<Item = &'a Self>,
    ) {
        let mut numbers = Vec::new();
        for rows in from {
            // Reads of a predecessor that are under way would keep what is old by then.
            for stripe in &rows.stripes {
                stripe.lock().handed_down = true;
            }
            numbers.push(rows.number.load(Ordering::SeqCst));
        }
        numbers.dedup();
        if let [number] = numbers[..] {
            to.for_each(|rows| rows.number.store(number, Ordering::SeqCst));
        }
    }

    fn row(&self, key: Bytes) -> RowKey {
        (self.number.load(Ordering::Relaxed), key)
    }

    /// To be held while a change is handed to the engine.
    pub(crate) fn writing(&self, key: &Bytes) -> Writing<'_> {
        let stripe = self.stripe(key);
        stripe.lock().writing += 1;
        if let Some(rows) = &self.cache.rows {
            rows.invalidate(&self.row(key.clone()));
        }
        Writing { stripe }
    }

    fn stripe(&self, key: &[u8]) -> &Mutex<Stripe> {
        &self.stripes[(xxh3_64(key) % STRIPES as u64) as usize]
    }
}

impl Writing<'_> {
    /// The engine has the change, under this sequence number.
    pub(crate) fn handed_over(&self, seq: u64) {
        let mut stripe = self.stripe.lock();
        stripe.last = stripe.last.max(seq);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.stripe.lock().writing -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: u64) -> Rows {
        let cache = RowCache::new(bytes);
        cache.of_partition(cache.number())
    }

    fn value(text: &'static str) -> Option<Bytes> {
        Some(Bytes::from_static(text.as_bytes()))
    }

    fn note(rows: &Rows) -> Option<Note> {
        rows.note(b"a", |seq| seq <= 5)
    }

    #[test]
    fn what_was_read_in_peace_is_kept_until_somebody_writes() {
        let rows = rows(1 << 20);
        assert_eq!(rows.get(b"a"), None);
        rows.keep(b"a", value("1").as_ref(), note(&rows).unwrap());
        assert_eq!(rows.get(b"a"), Some(value("1")));
        let writing = rows.writing(&Bytes::from_static(b"a"));
        assert_eq!(rows.get(b"a"), None);
        writing.handed_over(5);
        drop(writing);
        rows.keep(b"a", None, note(&rows).unwrap());
        assert_eq!(rows.get(b"a"), Some(None), "that there is none is known, too");
    }

    #[test]
    fn a_read_that_met_a_write_is_not_kept() {
        let rows = rows(1 << 20);
        let key = Bytes::from_static(b"a");
        let before = note(&rows).unwrap();
        let writing = rows.writing(&key);
        assert!(note(&rows).is_none(), "a write is under way");
        rows.keep(b"a", value("old").as_ref(), before);
        assert_eq!(rows.get(b"a"), None);
        writing.handed_over(6);
        drop(writing);
        rows.keep(b"a", value("old").as_ref(), before);
        assert_eq!(rows.get(b"a"), None);
        assert!(note(&rows).is_none(), "the write is not durable");
    }

    #[test]
    fn partitions_do_not_see_each_others_rows() {
        let cache = RowCache::new(1 << 20);
        let [one, two] = [cache.number(), cache.number()].map(|number| cache.of_partition(number));
        one.keep(b"a", value("1").as_ref(), note(&one).unwrap());
        assert_eq!(two.get(b"a"), None);
    }

    #[test]
    fn what_is_handed_down_is_the_successors_alone() {
        let cache = RowCache::new(1 << 20);
        let (parents, children) = (cache.number(), cache.number());
        let from = [parents, parents].map(|number| cache.of_partition(number));
        let to = [children, children].map(|number| cache.of_partition(number));
        from[0].keep(b"a", value("1").as_ref(), note(&from[0]).unwrap());
        let under_way = note(&from[1]).unwrap();
        Rows::hand_down(from.iter(), to.iter());
        assert_eq!(to[0].get(b"a"), Some(value("1")));
        to[1].writing(&Bytes::from_static(b"b")).handed_over(9);
        from[1].keep(b"b", value("old").as_ref(), under_way);
        assert_eq!(to[1].get(b"b"), None, "a predecessor does not know of the write");
        to[1].keep(b"c", value("2").as_ref(), to[1].note(b"c", |_| true).unwrap());
        assert_eq!(to[1].get(b"c"), Some(value("2")));
    }

    #[test]
    fn several_numbers_are_not_handed_down() {
        let cache = RowCache::new(1 << 20);
        let from = [cache.number(), cache.number()].map(|number| cache.of_partition(number));
        let to = cache.of_partition(cache.number());
        from[0].keep(b"a", value("1").as_ref(), note(&from[0]).unwrap());
        Rows::hand_down(from.iter(), std::iter::once(&to));
        assert_eq!(to.get(b"a"), None);
    }

    #[test]
    fn the_bytes_are_bounded_and_none_means_none() {
        let cache = RowCache::new(100_000);
        let rows = cache.of_partition(cache.number());
        for n in 0..10_000u32 {
            let key = n.to_be_bytes();
            let note = rows.note(&key, |_| true).unwrap();
            rows.keep(&key, Some(&Bytes::from(vec![0; 100])), note);
        }
        let map = cache.rows.as_ref().unwrap();
        map.run_pending_tasks();
        assert!(map.weighted_size() <= 100_000, "{}", map.weighted_size());
        assert!(map.entry_count() > 100);
        let none = self::rows(0);
        assert!(none.note(b"a", |_| true).is_none());
        assert_eq!(none.get(b"a"), None);
    }
}
