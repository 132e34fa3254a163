//! Noting which keys were written, durably and with the write itself: what a change of the key order
//! has to copy once more.
//!
//! While a partition captures, every change goes to the engine in one batch with a record behind the
//! key axis that names the key. Both survive a crash, or neither. Records are numbered in the order in which
//! they are begun, which need not be the order in which they become durable; so their reader asks
//! [`Capture::complete_below`] first, and then misses none.
//!
//! | key | value |
//! |---|---|
//! | [`AXIS_END`] ‖ 0x03 ‖ number, 8 bytes big-endian | `K` ‖ version 1 ‖ the key that was written |

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
#[derive(Debug, Default)]
pub(crate) struct Capture(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    next: u64,
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
    /// Numbers go on from `next`.
    pub(crate) fn from(next: u64) -> Self {
        Self(Mutex::new(Numbers { next, under_way: BTreeSet::new() }))
    }

    /// A record for the change that is about to be handed over; to be kept until it was.
    pub(crate) fn begin(self: &Arc<Self>) -> Ticket {
        let mut numbers = self.0.lock();
        let number = numbers.next;
        numbers.next += 1;
        numbers.under_way.insert(number);
        Ticket { capture: self.clone(), number }
    }

    /// All records with smaller numbers were handed over.
    pub(crate) fn complete_below(&self) -> u64 {
        let numbers = self.0.lock();
        numbers.under_way.first().copied().unwrap_or(numbers.next)
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
        self.capture.0.lock().under_way.remove(&self.number);
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
        let capture = Arc::new(Capture::from(5));
        assert_eq!(capture.complete_below(), 5);
        let (first, second) = (capture.begin(), capture.begin());
        assert_eq!((first.key(), second.key()), (record_key(5), record_key(6)));
        drop(second);
        assert_eq!(capture.complete_below(), 5);
        drop(first);
        assert_eq!(capture.complete_below(), 7);
    }
}
