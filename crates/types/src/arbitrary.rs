//! Random values for property tests in this crate.

use crate::item::Item;
use crate::key::KeyValue;
use crate::number::Number;
use crate::value::Value;
use bytes::Bytes;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

/// Numbers of all sizes, many of them close to each other.
pub(crate) fn numbers() -> impl Strategy<Value = Number> {
    let digits = prop_oneof![
        0..1000u128,
        0..10u128.pow(38),
        (0..=37u32).prop_map(|power| 10u128.pow(power)),
        (1..=38u32).prop_map(|power| 10u128.pow(power) - 1),
    ];
    let exponents = prop_oneof![-3..3i32, -167..126i32];
    (any::<bool>(), digits, exponents).prop_filter_map(
        "out of range",
        |(negative, coefficient, exponent)| {
            Number::from_parts(negative, coefficient, exponent).ok()
        },
    )
}

/// Strings that try an encoding: short, with zeros and bytes above 0x7f.
pub(crate) fn strings() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), Just('b'), Just('\u{ff}'), any::<char>()],
        0..6,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

/// Byte strings that try an encoding: short, with zeros and 0xff.
pub(crate) fn byte_strings() -> impl Strategy<Value = Bytes> {
    vec(prop_oneof![Just(0u8), Just(1), Just(255), any::<u8>()], 0..6).prop_map(Bytes::from)
}

/// Values of all types, nested a few levels.
pub(crate) fn values() -> impl Strategy<Value = Value> {
    let flat = prop_oneof![
        strings().prop_map(Value::S),
        numbers().prop_map(Value::N),
        byte_strings().prop_map(Value::B),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        btree_set(strings(), 1..4).prop_map(Value::Ss),
        btree_set(numbers(), 1..4).prop_map(Value::Ns),
        btree_set(byte_strings(), 1..4).prop_map(Value::Bs),
    ];
    flat.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::L),
            btree_map(strings(), inner, 0..4).prop_map(Value::M),
        ]
    })
}

/// Items with a few attributes.
pub(crate) fn items() -> impl Strategy<Value = Item> {
    btree_map(strings(), values(), 0..6).prop_map(Item)
}

/// Key values of all three types.
pub(crate) fn key_values() -> impl Strategy<Value = KeyValue> {
    prop_oneof![
        strings().prop_map(KeyValue::S),
        numbers().prop_map(KeyValue::N),
        byte_strings().prop_map(KeyValue::B),
    ]
}

/// Pairs of key values of one type, as two sort keys of one table are.
pub(crate) fn key_value_pairs() -> impl Strategy<Value = (KeyValue, KeyValue)> {
    prop_oneof![
        (strings(), strings()).prop_map(|(a, b)| (KeyValue::S(a), KeyValue::S(b))),
        (numbers(), numbers()).prop_map(|(a, b)| (KeyValue::N(a), KeyValue::N(b))),
        (byte_strings(), byte_strings()).prop_map(|(a, b)| (KeyValue::B(a), KeyValue::B(b))),
    ]
}
