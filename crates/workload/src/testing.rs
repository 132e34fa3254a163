//! Vectors for this crate's unit tests.

use crate::{KeyPrefix, Outcome, RequestType, Vector};
use types::{PartitionId, TableId};

pub(crate) const TABLE: TableId = TableId(7);

/// A served store of one write unit at `timestamp_ms`, on a key in the middle of the axis.
pub(crate) fn vector_at(timestamp_ms: i64) -> Vector {
    vector(timestamp_ms, &[0x80; 12])
}

/// A served store of one write unit at `timestamp_ms` on `key`.
pub(crate) fn vector(timestamp_ms: i64, key: &[u8]) -> Vector {
    let mut head = [0; 8];
    let taken = key.len().min(8);
    head[..taken].copy_from_slice(&key[..taken]);
    Vector {
        table: TABLE,
        partition: PartitionId(1),
        key_hash: u64::from_be_bytes(head),
        timestamp_ms,
        client: 1,
        data_bytes: 100,
        read_units: 0.0,
        write_units: 1.0,
        storage_key: KeyPrefix::new(key),
        range_key: KeyPrefix::EMPTY,
        request: RequestType::Store,
        outcome: Outcome::Served,
        demand: true,
    }
}
