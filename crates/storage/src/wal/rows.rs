//! A write batch as bytes: what the node log keeps of it.
//!
//! ```text
//! batch = version 1 | row, row, ..
//! row   = flags 1 | [created 8] | [expires 8] | key length 4 | key | [value length 4 | value]
//! ```
//!
//! All integers are little endian. Flags: 1 deletion, 2 merge operand, 4 and 8 the two times are
//! there. The sequence number, which all rows of a batch share, is the id of the log's record.
//! Version 1. Damage is the log's business; what does not parse here was never written by us.

use bytes::Bytes;
use slatedb::{RowEntry, ValueDeletable};

const VERSION: u8 = 1;
const DELETION: u8 = 1;
const MERGE: u8 = 2;
const CREATED: u8 = 4;
const EXPIRES: u8 = 8;
/// Flags and the two lengths.
const ROW_BYTES: usize = 1 + 4 + 4 + 8 + 8;

/// Encodes the rows of a batch.
pub(super) fn encode(batch: &[RowEntry]) -> Vec<u8> {
    let bytes = batch.iter().map(|row| row.key.len() + row.value.len() + ROW_BYTES);
    let mut into = Vec::with_capacity(1 + bytes.sum::<usize>());
    into.push(VERSION);
    batch.iter().for_each(|row| encode_row(row, &mut into));
    into
}

fn encode_row(row: &RowEntry, into: &mut Vec<u8>) {
    let (kind, value) = match &row.value {
        ValueDeletable::Value(value) => (0, Some(value)),
        ValueDeletable::Merge(value) => (MERGE, Some(value)),
        ValueDeletable::Tombstone => (DELETION, None),
    };
    let created = row.create_ts.map_or(0, |_| CREATED);
    let expires = row.expire_ts.map_or(0, |_| EXPIRES);
    into.push(kind | created | expires);
    for time in [row.create_ts, row.expire_ts].into_iter().flatten() {
        into.extend_from_slice(&time.to_le_bytes());
    }
    encode_bytes(&row.key, into);
    if let Some(value) = value {
        encode_bytes(value, into);
    }
}

fn encode_bytes(bytes: &Bytes, into: &mut Vec<u8>) {
    let length = u32::try_from(bytes.len()).expect("keys and values are bounded");
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(bytes);
}

/// Decodes a batch; `None` if it is none.
pub(crate) fn decode(batch: &[u8], seq: u64) -> Option<Vec<RowEntry>> {
    let (version, mut rest) = batch.split_first()?;
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let (row, after) = decode_row(rest, seq)?;
        rows.push(row);
        rest = after;
    }
    (*version == VERSION).then_some(rows)
}

fn decode_row(bytes: &[u8], seq: u64) -> Option<(RowEntry, &[u8])> {
    let (flags, rest) = bytes.split_first()?;
    let (create_ts, rest) = decode_time(rest, flags & CREATED != 0)?;
    let (expire_ts, rest) = decode_time(rest, flags & EXPIRES != 0)?;
    let (key, rest) = decode_bytes(rest)?;
    let (value, rest) = match flags & (DELETION | MERGE) {
        0 => decode_bytes(rest).map(|(value, rest)| (ValueDeletable::Value(value), rest))?,
        MERGE => decode_bytes(rest).map(|(value, rest)| (ValueDeletable::Merge(value), rest))?,
        DELETION => (ValueDeletable::Tombstone, rest),
        _ => return None,
    };
    Some((RowEntry { key, value, seq, create_ts, expire_ts }, rest))
}

fn decode_time(bytes: &[u8], is_there: bool) -> Option<(Option<i64>, &[u8])> {
    if !is_there {
        return Some((None, bytes));
    }
    let (time, rest) = bytes.split_first_chunk()?;
    Some((Some(i64::from_le_bytes(*time)), rest))
}

/// A copy: the memtable must not keep the whole batch for one value.
fn decode_bytes(bytes: &[u8]) -> Option<(Bytes, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((Bytes::copy_from_slice(bytes), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
    }

    fn row(seq: u64) -> impl Strategy<Value = RowEntry> {
        let value = prop_oneof![
            bytes().prop_map(ValueDeletable::Value),
            bytes().prop_map(ValueDeletable::Merge),
            Just(ValueDeletable::Tombstone),
        ];
        (bytes(), value, any::<Option<i64>>(), any::<Option<i64>>()).prop_map(
            move |(key, value, create_ts, expire_ts)| RowEntry {
                key,
                value,
                seq,
                create_ts,
                expire_ts,
            },
        )
    }

    proptest! {
        #[test]
        fn round_trip(rows in prop::collection::vec(row(9), 0..6)) {
            prop_assert_eq!(decode(&encode(&rows), 9), Some(rows));
        }

        #[test]
        fn what_was_cut_is_not_taken_for_rows(rows in prop::collection::vec(row(9), 1..4), cut in 1..20_usize) {
            let whole = encode(&rows);
            if let Some(read) = decode(&whole[..whole.len().saturating_sub(cut)], 9) {
                prop_assert!(rows.starts_with(&read) && read.len() < rows.len());
            }
        }
    }

    /// The first version, byte by byte.
    #[test]
    fn version_1_opens() {
        let fixture =
            b"\x01\x04\x05\0\0\0\0\0\0\0\x01\0\0\0k\x02\0\0\0vw\x09\x07\0\0\0\0\0\0\0\x01\0\0\0d";
        let value = ValueDeletable::Value(Bytes::from("vw"));
        let rows = vec![
            RowEntry { key: "k".into(), value, seq: 3, create_ts: Some(5), expire_ts: None },
            RowEntry {
                key: "d".into(),
                value: ValueDeletable::Tombstone,
                seq: 3,
                create_ts: None,
                expire_ts: Some(7),
            },
        ];
        assert_eq!(encode(&rows), fixture);
        assert_eq!(decode(fixture, 3), Some(rows));
        assert_eq!(decode(b"\x02", 3), None, "another version");
    }
}
