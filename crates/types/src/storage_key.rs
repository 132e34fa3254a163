//! Storage keys: the bytes under which an item is stored, in the order of the table's key axis.
//!
//! Hash order: `hash ‖ enc(partition key) ‖ space ‖ enc(sort key)`, range order the same without
//! the hash. `hash` is xxh3-64 of `enc(partition key)`, big-endian; `enc` keeps the order of
//! DynamoDB's types and says itself where it ends (`component`); `space` is 0 for items and leaves
//! room for local secondary indexes, so that an item collection stays contiguous. Partition
//! boundaries are prefixes of such keys; in hash order they begin with the 8 bytes of a hash.
//!
//! These bytes are persisted and cannot change for an existing table.

mod component;
mod range;

pub use range::{
    SortCondition, collection_range, even_boundaries, partition_range, resume, segment_range,
    sort_range,
};

use crate::error::Error;
use crate::key::{KeyValue, PrimaryKey, Strategy};
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

/// The space of items; other spaces of a collection hold its local secondary indexes.
pub const ITEM_SPACE: u8 = 0;
/// Bytes of the hash before the partition key in hash order.
pub const HASH_BYTES: usize = 8;
/// Room for the type and end of two components and the space.
const OVERHEAD_BYTES: usize = HASH_BYTES + 24;

/// The storage key of the item with primary key `key`.
pub fn encode(strategy: Strategy, key: &PrimaryKey) -> Bytes {
    let sort_bytes = key.sort.as_ref().map_or(0, KeyValue::size_bytes);
    let mut out = collection_prefix(strategy, &key.partition, sort_bytes);
    if let Some(sort) = &key.sort {
        component::encode(&mut out, sort);
    }
    out.into()
}

/// What the storage keys of all items with this partition key, and no others, begin with.
pub fn partition_prefix(strategy: Strategy, partition: &KeyValue) -> Bytes {
    collection_prefix(strategy, partition, 0).into()
}

/// The hash that places a partition key on the key axis of hash order.
pub fn partition_hash(partition: &KeyValue) -> u64 {
    let mut out = Vec::with_capacity(partition.size_bytes() + OVERHEAD_BYTES);
    component::encode(&mut out, partition);
    xxh3_64(&out)
}

/// The primary key that is stored under `bytes`.
///
/// # Errors
/// If `bytes` is no storage key of an item in this order: a boundary, say, or damage.
pub fn decode(strategy: Strategy, bytes: &[u8]) -> Result<PrimaryKey, Error> {
    let damaged = |problem| Error::Damaged { kind: "storage key", problem };
    let (hash, rest) = if strategy.is_hash_order() {
        let (hash, rest) =
            bytes.split_first_chunk::<HASH_BYTES>().ok_or(damaged("shorter than its hash"))?;
        (Some(u64::from_be_bytes(*hash)), rest)
    } else {
        (None, bytes)
    };
    let (partition, length) = component::decode(rest)?;
    if hash.is_some_and(|hash| hash != xxh3_64(&rest[..length])) {
        return Err(damaged("the hash does not match the partition key"));
    }
    let rest = match rest[length..].split_first() {
        Some((&ITEM_SPACE, rest)) => rest,
        Some(_) => return Err(damaged("not in the space of items")),
        None => return Err(damaged("ends after the partition key")),
    };
    if rest.is_empty() {
        return Ok(PrimaryKey { partition, sort: None });
    }
    let (sort, length) = component::decode(rest)?;
    if length != rest.len() {
        return Err(damaged("bytes after the sort key"));
    }
    Ok(PrimaryKey { partition, sort: Some(sort) })
}

/// Hash, partition key and space, with room for `more_bytes`.
fn collection_prefix(strategy: Strategy, partition: &KeyValue, more_bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(partition.size_bytes() + more_bytes + OVERHEAD_BYTES);
    if strategy.is_hash_order() {
        out.extend([0; HASH_BYTES]);
        component::encode(&mut out, partition);
        let hash = xxh3_64(&out[HASH_BYTES..]);
        out[..HASH_BYTES].copy_from_slice(&hash.to_be_bytes());
    } else {
        component::encode(&mut out, partition);
    }
    out.push(ITEM_SPACE);
    out
}

#[cfg(test)]
mod tests;
