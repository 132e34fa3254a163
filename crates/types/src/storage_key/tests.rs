use super::*;
use crate::arbitrary::{key_value_pairs, key_values};
use crate::range::KeyRange;
use proptest::prelude::{Just, prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest};
use std::cmp::Ordering;

fn key(partition: &KeyValue, sort: &KeyValue) -> PrimaryKey {
    PrimaryKey { partition: partition.clone(), sort: Some(sort.clone()) }
}

/// DynamoDB's order of two keys of one type.
fn compare(a: &KeyValue, b: &KeyValue) -> Ordering {
    match (a, b) {
        (KeyValue::S(a), KeyValue::S(b)) => a.as_bytes().cmp(b.as_bytes()),
        (KeyValue::N(a), KeyValue::N(b)) => a.cmp(b),
        (KeyValue::B(a), KeyValue::B(b)) => a.cmp(b),
        _ => panic!("keys of two types are not ordered"),
    }
}

fn begins_with(value: &KeyValue, start: &KeyValue) -> bool {
    match (value, start) {
        (KeyValue::S(value), KeyValue::S(start)) => value.starts_with(start.as_str()),
        (KeyValue::B(value), KeyValue::B(start)) => value.starts_with(start),
        _ => false,
    }
}

fn strategies() -> impl proptest::strategy::Strategy<Value = Strategy> {
    prop_oneof![Just(Strategy::Hash), Just(Strategy::Range), Just(Strategy::Composite)]
}

#[test]
fn layout_of_stored_keys_stays_as_it_is() {
    let partition = KeyValue::S("a\0b".into());
    let sort = KeyValue::N(7.into());
    let range = encode(Strategy::Range, &key(&partition, &sort));
    let tail = [b'S', b'a', 0, 255, b'b', 0, 0, 0, b'N', 2, 128, 8, 0];
    assert_eq!(range.as_ref(), tail);
    let hash = encode(Strategy::Hash, &key(&partition, &sort));
    assert_eq!(hash[..8], 0xa808_216f_3339_abb5_u64.to_be_bytes());
    assert_eq!(hash[8..], tail);
    assert_eq!(hash[..8], partition_hash(&partition).to_be_bytes());
    let bytes = PrimaryKey { partition: KeyValue::B(vec![0, 1].into()), sort: None };
    assert_eq!(encode(Strategy::Range, &bytes).as_ref(), [b'B', 0, 255, 1, 0, 0, 0]);
}

#[test]
fn damaged_keys_are_refused() {
    let good = encode(Strategy::Hash, &key(&KeyValue::S("a".into()), &KeyValue::S("b".into())));
    for end in 0..good.len() {
        // A key cut off behind the space is the key of a table without sort key.
        let cut = decode(Strategy::Hash, &good[..end]);
        assert_eq!(cut.is_ok(), end == 8 + 4 + 1, "{end}");
    }
    let mut wrong_hash = good.to_vec();
    wrong_hash[0] ^= 1;
    assert!(decode(Strategy::Hash, &wrong_hash).is_err());
    assert!(decode(Strategy::Hash, &[&good[..], &[0]].concat()).is_err());
}

#[test]
fn even_boundaries_divide_the_hash_space() {
    assert!(even_boundaries(1).is_empty());
    assert_eq!(even_boundaries(4).iter().map(|key| key[0]).collect::<Vec<_>>(), [64, 128, 192]);
    assert!(KeyRange::full().cut(&even_boundaries(7)).is_some_and(|parts| parts.len() == 7));
}

#[test]
fn segments_tile_the_key_axis() {
    for (strategy, total) in [(Strategy::Hash, 3), (Strategy::Composite, 1), (Strategy::Range, 4)] {
        let segments: Vec<_> = (0..total).map(|at| segment_range(strategy, at, total)).collect();
        for first_byte in 0..=255u8 {
            let key = [first_byte; 12];
            assert_eq!(segments.iter().filter(|range| range.contains(&key)).count(), 1);
        }
    }
}

#[test]
fn resuming_behind_the_last_key_leaves_nothing() {
    let range = collection_range(Strategy::Hash, &KeyValue::S("a".into()));
    assert!(resume(&range, range.end.as_ref().unwrap(), true).is_empty());
    assert!(resume(&range, &range.start, false).is_empty());
}

proptest! {
    #[test]
    fn keys_round_trip(
        strategy in strategies(), partition in key_values(),
        sort in proptest::option::of(key_values()),
    ) {
        let key = PrimaryKey { partition, sort };
        prop_assert_eq!(decode(strategy, &encode(strategy, &key)), Ok(key));
    }

    #[test]
    fn range_order_is_key_order(
        (p1, p2) in key_value_pairs(), (s1, s2) in key_value_pairs(), same: bool,
    ) {
        let p2 = if same { p1.clone() } else { p2 };
        let (a, b) = (key(&p1, &s1), key(&p2, &s2));
        let expected = compare(&p1, &p2).then_with(|| compare(&s1, &s2));
        prop_assert_eq!(encode(Strategy::Range, &a).cmp(&encode(Strategy::Range, &b)), expected);
        let by_hash = partition_hash(&p1).cmp(&partition_hash(&p2));
        let expected = by_hash.then(expected);
        prop_assert_eq!(encode(Strategy::Hash, &a).cmp(&encode(Strategy::Hash, &b)), expected);
    }

    #[test]
    fn a_collection_range_has_exactly_its_keys(
        strategy in strategies(), (p1, p2) in key_value_pairs(), sort in key_values(),
    ) {
        let range = collection_range(strategy, &p1);
        let prefix = partition_prefix(strategy, &p1);
        prop_assert!(range.contains(&encode(strategy, &key(&p1, &sort))));
        let other = encode(strategy, &key(&p2, &sort));
        prop_assert_eq!(range.contains(&other), p1 == p2);
        prop_assert_eq!(other.starts_with(&prefix), p1 == p2);
    }

    #[test]
    fn sort_ranges_have_exactly_the_keys_that_meet_the_condition(
        strategy in strategies(), partition in key_values(), (low, high) in key_value_pairs(),
        (sort, _) in key_value_pairs(), which in 0..3,
    ) {
        // Often compare a value with itself, and only values of one type.
        let sort = match which {
            0 => low.clone(),
            1 => high.clone(),
            _ => sort,
        };
        prop_assume!(sort.key_type() == low.key_type());
        let stored = encode(strategy, &key(&partition, &sort));
        let met = |condition| sort_range(strategy, &partition, &condition).contains(&stored);
        let order = compare(&sort, &low);
        prop_assert_eq!(met(SortCondition::Equal(low.clone())), order.is_eq());
        prop_assert_eq!(met(SortCondition::Less(low.clone())), order.is_lt());
        prop_assert_eq!(met(SortCondition::LessOrEqual(low.clone())), order.is_le());
        prop_assert_eq!(met(SortCondition::Greater(low.clone())), order.is_gt());
        prop_assert_eq!(met(SortCondition::GreaterOrEqual(low.clone())), order.is_ge());
        let between = order.is_ge() && compare(&sort, &high).is_le();
        prop_assert_eq!(met(SortCondition::Between(low.clone(), high.clone())), between);
        if low.key_type() != crate::KeyType::N {
            let begins = begins_with(&sort, &low);
            prop_assert_eq!(met(SortCondition::BeginsWith(low.clone())), begins);
        }
    }

    #[test]
    fn partition_ranges_have_exactly_the_collections_that_meet_the_condition(
        (low, high) in key_value_pairs(), (partition, sort) in key_value_pairs(), which in 0..3,
    ) {
        let partition = match which {
            0 => low.clone(),
            1 => high.clone(),
            _ => partition,
        };
        prop_assume!(partition.key_type() == low.key_type());
        let stored = encode(Strategy::Range, &key(&partition, &sort));
        let met = |condition| partition_range(&condition).contains(&stored);
        let order = compare(&partition, &low);
        prop_assert_eq!(met(SortCondition::Equal(low.clone())), order.is_eq());
        prop_assert_eq!(met(SortCondition::Less(low.clone())), order.is_lt());
        prop_assert_eq!(met(SortCondition::LessOrEqual(low.clone())), order.is_le());
        prop_assert_eq!(met(SortCondition::Greater(low.clone())), order.is_gt());
        prop_assert_eq!(met(SortCondition::GreaterOrEqual(low.clone())), order.is_ge());
        let between = order.is_ge() && compare(&partition, &high).is_le();
        prop_assert_eq!(met(SortCondition::Between(low.clone(), high.clone())), between);
        if low.key_type() != crate::KeyType::N {
            let begins = begins_with(&partition, &low);
            prop_assert_eq!(met(SortCondition::BeginsWith(low.clone())), begins);
        }
    }

    #[test]
    fn resuming_splits_a_range_around_the_key(
        strategy in strategies(), partition in key_values(), (a, b) in key_value_pairs(),
    ) {
        let range = collection_range(strategy, &partition);
        let at = encode(strategy, &key(&partition, &a));
        let other = encode(strategy, &key(&partition, &b));
        prop_assert_eq!(resume(&range, &at, true).contains(&other), other > at);
        prop_assert_eq!(resume(&range, &at, false).contains(&other), other < at);
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
        let _ = decode(Strategy::Range, &bytes);
    }
}
