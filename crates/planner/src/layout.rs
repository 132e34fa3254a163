//! What a table's strategy allows: where boundaries may fall, and which keys one item collection is.
//!
//! `hash` never divides an item collection, `composite` and `range` may. Whoever makes boundaries
//! (a cut, an operator) asks here; storage takes any that rise.

use bytes::Bytes;
use types::{KeyRange, Strategy, storage_key};

/// Whether a boundary may lie here.
pub fn allows(strategy: Strategy, boundary: &[u8]) -> bool {
    strategy != Strategy::Hash || boundary.len() <= storage_key::HASH_BYTES
}

/// All keys of the item collection that a storage key, or the beginning of one, belongs to; `None`
/// if too little of it is known to tell.
///
/// In hash order that is everything with the same hash.
pub fn collection(strategy: Strategy, key: &[u8]) -> Option<KeyRange> {
    if !strategy.is_hash_order() {
        let key = storage_key::decode(strategy, key).ok()?;
        return Some(storage_key::collection_range(strategy, &key.partition));
    }
    let hash = u64::from_be_bytes(*key.first_chunk::<{ storage_key::HASH_BYTES }>()?);
    let at = |hash: u64| Bytes::copy_from_slice(&hash.to_be_bytes());
    Some(KeyRange { start: at(hash), end: hash.checked_add(1).map(at) })
}

/// The boundaries that leave `part` of `whole` alone: its ends, as far as they lie inside.
pub fn boundaries_around(whole: &KeyRange, part: &KeyRange) -> Vec<Bytes> {
    let ends = std::iter::once(&part.start).chain(&part.end);
    ends.filter(|end| **end > whole.start && whole.contains(end)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{KeyValue, PrimaryKey};

    fn item(partition: &str, sort: i64) -> PrimaryKey {
        PrimaryKey {
            partition: KeyValue::S(partition.into()),
            sort: Some(KeyValue::N(sort.into())),
        }
    }

    #[test]
    fn only_hash_keeps_collections_whole() {
        let inside = storage_key::encode(Strategy::Hash, &item("tenant", 7));
        assert!(!allows(Strategy::Hash, &inside));
        assert!(allows(Strategy::Composite, &inside) && allows(Strategy::Range, &inside));
        assert!(allows(Strategy::Hash, &inside[..storage_key::HASH_BYTES]));
    }

    #[test]
    fn a_collection_is_all_of_it_and_nothing_else() {
        for strategy in [Strategy::Hash, Strategy::Composite, Strategy::Range] {
            let key = |pk: &str, sk| storage_key::encode(strategy, &item(pk, sk));
            let found = collection(strategy, &key("tenant", 7)).unwrap();
            assert!(found.contains(&key("tenant", -7)) && found.contains(&key("tenant", 99)));
            assert!(!found.contains(&key("tenanu", 7)) && !found.contains(&key("tenan", 7)));
        }
    }

    #[test]
    fn what_is_cut_off_is_not_guessed_at() {
        let key = storage_key::encode(Strategy::Range, &item(&"x".repeat(100), 7));
        assert_eq!(collection(Strategy::Range, &key[..48]), None);
        assert_eq!(collection(Strategy::Hash, &[1, 2, 3]), None);
        let last = collection(Strategy::Hash, &[0xff; 8]).unwrap();
        assert_eq!(last.end, None);
    }

    #[test]
    fn a_part_at_the_edge_needs_one_boundary() {
        let range = |start: &'static str, end: Option<&'static str>| {
            KeyRange::new(start, end.map(Bytes::from))
        };
        let whole = range("b", Some("y"));
        assert_eq!(boundaries_around(&whole, &range("f", Some("g"))), ["f", "g"]);
        assert_eq!(boundaries_around(&whole, &range("b", Some("c"))), ["c"]);
        assert_eq!(boundaries_around(&whole, &range("x", None)), ["x"]);
        assert_eq!(boundaries_around(&whole, &whole), Vec::<Bytes>::new());
    }
}
