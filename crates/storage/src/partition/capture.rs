//! Noting which keys were written, durably and with the write itself: what a change of the key order
//! has to copy once more.
//!
//! While a partition captures, every change goes to the engine in one batch with a record behind the
//! key axis that names the key. Both survive a crash, or neither. Records are numbered in the order in which
//! they are begun, which need not be the order in which they become durable; so their reader asks
//! [`Capture::complete_below`] first, and then misses none.
//!
//! How many records their reader has still to come to is bounded as long as there is one: writers wait for
//! it ([`Backlog`]), so that it catches up with any load.
//!
//! | key | value |
//! |---|---|
//! | [`AXIS_END`] ‖ 0x03 ‖ number, 8 bytes big-endian | `K` ‖ version 1 ‖ the key that was written |

use super::backlog::Backlog;
use crate::map::AXIS_END;
use bytes::{BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The tag of the records in the reserved area.
const TAG: u8 = 0x03;
const KIND: u8 = b'K';
const VERSION: u8 = 1;
/// Bytes of a record's key before its number.
const PREFIX_BYTES: usize = AXIS_END.len() + 1;

/// The numbers of a partition's records.
#[derive(Debug)]
pub(crate) struct Capture {
    numbers: Mutex<Numbers>,
    /// The records that were begun and not applied yet.
    backlog: Backlog,
}

#[derive(Debug)]
struct Numbers {
    next: u64,
    /// All records with smaller numbers were applied.
    applied_below: u64,
    /// Given out, and not yet handed over to the engine.
    under_way: BTreeSet<u64>,
}

/// A record that is being handed over to the engine.
#[derive(Debug)]
pub(crate) struct Ticket {
    capture: Arc<Capture>,
    number: u64,
}

impl Capture {
    /// Numbers go on from `next`; those from `oldest` on have still to be applied.
    pub(crate) fn from(oldest: u64, next: u64) -> Self {
        let numbers = Numbers { next, applied_below: oldest, under_way: BTreeSet::new() };
        let backlog = Backlog::new(next.saturating_sub(oldest), u64::MAX);
        Self { numbers: Mutex::new(numbers), backlog }
    }

    /// A record for the change that is about to be handed over; to be kept until it was.
    pub(crate) fn begin(self: &Arc<Self>) -> Ticket {
        let mut numbers = self.numbers.lock();
        let number = numbers.next;
        numbers.next += 1;
        numbers.under_way.insert(number);
        self.backlog.add(1);
        Ticket { capture: self.clone(), number }
    }

    /// All records with smaller numbers were handed over.
    pub(crate) fn complete_below(&self) -> u64 {
        let numbers = self.numbers.lock();
        numbers.under_way.first().copied().unwrap_or(numbers.next)
    }

    /// All records with smaller numbers were applied, also those that nothing came of.
    pub(crate) fn applied_below(&self, number: u64) {
        let mut numbers = self.numbers.lock();
        let applied = number.saturating_sub(numbers.applied_below);
        numbers.applied_below += applied;
        self.backlog.done(applied);
    }

    pub(crate) fn backlog(&self) -> &Backlog {
        &self.backlog
    }
}

impl Ticket {
    /// The record's own key.
    pub(crate) fn key(&self) -> Bytes {
        record_key(self.number)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.capture.numbers.lock().under_way.remove(&self.number);
    }
}

/// The key of the record with this number.
pub(crate) fn record_key(number: u64) -> Bytes {
    let mut key = BytesMut::with_capacity(PREFIX_BYTES + 8);
    key.put_slice(&AXIS_END);
    key.put_u8(TAG);
    key.put_u64(number);
    key.freeze()
}

/// The key behind all records.
pub(crate) fn records_end() -> Bytes {
    let mut key = BytesMut::with_capacity(PREFIX_BYTES);
    key.put_slice(&AXIS_END);
    key.put_u8(TAG + 1);
    key.freeze()
}

/// The number in a record's key.
pub(crate) fn number_of(record: &[u8]) -> Option<u64> {
    let number = record.strip_prefix(&AXIS_END)?.strip_prefix(&[TAG])?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

/// The value of a record: `key` was written.
pub(crate) fn record_of(key: &[u8]) -> Bytes {
    let mut record = BytesMut::with_capacity(key.len() + 2);
    record.put_u8(KIND);
    record.put_u8(VERSION);
    record.put_slice(key);
    record.freeze()
}

/// The key that a record names.
pub(crate) fn key_in(record: &Bytes) -> Result<Bytes, String> {
    match record.first_chunk() {
        Some([KIND, VERSION]) => Ok(record.slice(2..)),
        _ => Err(format!("is no captured key: {}", record.escape_ascii())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn version_1_stays_as_it_is() {
        let key = [[0xff; 9].as_slice(), &[3], &[0, 0, 0, 0, 0, 0, 1, 2]].concat();
        assert_eq!(record_key(258), key);
        assert_eq!(record_of(b"a"), [b'K', 1, b'a'].as_slice());
    }

    proptest! {
        #[test]
        fn records_round_trip(number: u64, key: Vec<u8>) {
            prop_assert_eq!(number_of(&record_key(number)), Some(number));
            prop_assert_eq!(key_in(&record_of(&key)).unwrap(), key);
            prop_assert!(record_key(number) < records_end());
            prop_assert!(record_key(number).as_ref() > AXIS_END.as_slice());
        }

        #[test]
        fn other_values_are_refused(value: Vec<u8>) {
            prop_assume!(!value.starts_with(b"K\x01"));
            prop_assert!(key_in(&value.into()).is_err());
        }
    }

    #[test]
    fn nothing_is_complete_that_is_under_way() {
        let capture = Arc::new(Capture::from(3, 5));
        assert_eq!(capture.complete_below(), 5);
        let (first, second) = (capture.begin(), capture.begin());
        assert_eq!((first.key(), second.key()), (record_key(5), record_key(6)));
        drop(second);
        assert_eq!(capture.complete_below(), 5);
        drop(first);
        assert_eq!(capture.complete_below(), 7);
    }

    #[test]
    fn what_was_begun_and_not_applied_is_bounded() {
        let capture = Arc::new(Capture::from(3, 5));
        assert_eq!(capture.backlog().outstanding(), 2, "of before a restart");
        drop((capture.begin(), capture.begin()));
        assert!(!capture.backlog().is_full(), "nobody reads it");
        capture.backlog().bind(4);
        assert!(capture.backlog().is_full());
        capture.applied_below(4);
        capture.applied_below(4);
        assert_eq!((capture.backlog().outstanding(), capture.backlog().is_full()), (3, false));
        capture.applied_below(7);
        assert_eq!(capture.backlog().outstanding(), 0);
    }
}
