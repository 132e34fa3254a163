//! Ranges of storage keys: one item collection, a sort-key condition, a scan segment, a page's rest.

use super::{HASH_BYTES, OVERHEAD_BYTES, collection_prefix, component};
use crate::key::{KeyValue, Strategy};
use crate::range::KeyRange;
use bytes::Bytes;

/// A condition on one attribute of the key, as a key condition expression can state it: the sort key,
/// or, in range order, the partition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortCondition {
    /// `= value`
    Equal(KeyValue),
    /// `< value`
    Less(KeyValue),
    /// `<= value`
    LessOrEqual(KeyValue),
    /// `> value`
    Greater(KeyValue),
    /// `>= value`
    GreaterOrEqual(KeyValue),
    /// `BETWEEN low AND high`, both included.
    Between(KeyValue, KeyValue),
    /// `begins_with(…)`; of strings and byte strings only.
    BeginsWith(KeyValue),
}

impl SortCondition {
    /// The values that the attribute is compared with.
    pub fn values(&self) -> impl Iterator<Item = &KeyValue> {
        let (first, second) = match self {
            Self::Between(low, high) => (low, Some(high)),
            Self::Equal(value)
            | Self::Less(value)
            | Self::LessOrEqual(value)
            | Self::Greater(value)
            | Self::GreaterOrEqual(value)
            | Self::BeginsWith(value) => (value, None),
        };
        std::iter::once(first).chain(second)
    }
}

/// The storage keys of all items with this partition key.
pub fn collection_range(strategy: Strategy, partition: &KeyValue) -> KeyRange {
    prefix_range(collection_prefix(strategy, partition, 0))
}

/// The storage keys of the items with this partition key whose sort key meets `condition`.
pub fn sort_range(strategy: Strategy, partition: &KeyValue, condition: &SortCondition) -> KeyRange {
    let collection = collection_range(strategy, partition);
    let at = |sort: &KeyValue| {
        let mut key = collection_prefix(strategy, partition, sort.size_bytes());
        component::encode(&mut key, sort);
        key
    };
    let range = |start: Vec<u8>, end: Vec<u8>| KeyRange::new(start, Some(end.into()));
    match condition {
        SortCondition::Equal(sort) => range(at(sort), after(at(sort))),
        SortCondition::Less(sort) => KeyRange { end: Some(at(sort).into()), ..collection },
        SortCondition::LessOrEqual(sort) => {
            KeyRange { end: Some(after(at(sort)).into()), ..collection }
        }
        SortCondition::Greater(sort) => KeyRange { start: after(at(sort)).into(), ..collection },
        SortCondition::GreaterOrEqual(sort) => KeyRange { start: at(sort).into(), ..collection },
        SortCondition::Between(low, high) => range(at(low), after(at(high))),
        SortCondition::BeginsWith(start) => {
            let mut prefix = collection_prefix(strategy, partition, start.size_bytes());
            component::encode_start(&mut prefix, start);
            prefix_range(prefix)
        }
    }
}

/// The storage keys, in range order, of all items whose partition key meets `condition`.
pub fn partition_range(condition: &SortCondition) -> KeyRange {
    let at = |partition: &KeyValue| {
        let mut key = Vec::with_capacity(partition.size_bytes() + OVERHEAD_BYTES);
        component::encode(&mut key, partition);
        key
    };
    // A key value ends itself, so what begins with it are the item collections of exactly this value.
    let behind = |partition: &KeyValue| prefix_range(at(partition)).end;
    let from = |partition: &KeyValue| KeyRange::new(at(partition), None);
    match condition {
        SortCondition::Equal(partition) => prefix_range(at(partition)),
        SortCondition::Less(partition) => KeyRange::new(Bytes::new(), Some(at(partition).into())),
        SortCondition::LessOrEqual(partition) => KeyRange::new(Bytes::new(), behind(partition)),
        SortCondition::Greater(partition) => {
            KeyRange::new(behind(partition).unwrap_or_default(), None)
        }
        SortCondition::GreaterOrEqual(partition) => from(partition),
        SortCondition::Between(low, high) => KeyRange { end: behind(high), ..from(low) },
        SortCondition::BeginsWith(start) => {
            let mut prefix = Vec::with_capacity(start.size_bytes() + OVERHEAD_BYTES);
            component::encode_start(&mut prefix, start);
            prefix_range(prefix)
        }
    }
}

/// What is left of `range` behind the item at `key`, where a page ended; `forward` in key order.
pub fn resume(range: &KeyRange, key: &[u8], forward: bool) -> KeyRange {
    let rest = if forward {
        KeyRange::new(after(key.to_vec()), None)
    } else {
        KeyRange::new(Bytes::new(), Some(Bytes::copy_from_slice(key)))
    };
    let nothing = KeyRange { start: range.start.clone(), end: Some(range.start.clone()) };
    range.intersection(&rest).unwrap_or(nothing)
}

/// Boundaries that divide the key axis of hash order into `parts` equal parts: one fewer than that.
pub fn even_boundaries(parts: u32) -> Vec<Bytes> {
    let boundary = |part: u32| {
        let hash = (u128::from(part) << (8 * HASH_BYTES)) / u128::from(parts);
        Bytes::copy_from_slice(&(hash as u64).to_be_bytes())
    };
    (1..parts).map(boundary).collect()
}

/// Segment `segment` of `total` in a parallel scan.
///
/// In hash order these are equal parts of the hash space, whatever the partitions are, so that a
/// scan survives re-partitioning. Range order has no such division: there the first segment gets
/// everything.
pub fn segment_range(strategy: Strategy, segment: u32, total: u32) -> KeyRange {
    if !strategy.is_hash_order() {
        let end = (segment > 0).then(Bytes::new);
        return KeyRange { start: Bytes::new(), end };
    }
    let at = |part: u32| {
        let hash = (u128::from(part) << (8 * HASH_BYTES)) / u128::from(total);
        Bytes::copy_from_slice(&(hash as u64).to_be_bytes())
    };
    KeyRange {
        start: if segment == 0 { Bytes::new() } else { at(segment) },
        end: (segment + 1 < total).then(|| at(segment + 1)),
    }
}

/// The first key behind `key`.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// All keys that begin with `prefix`.
fn prefix_range(prefix: Vec<u8>) -> KeyRange {
    let mut end = prefix.clone();
    // The next prefix of at most this length; there is none behind 0xff 0xff ….
    while end.pop_if(|last| *last == u8::MAX).is_some() {}
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    KeyRange { start: prefix.into(), end: (!end.is_empty()).then(|| end.into()) }
}
