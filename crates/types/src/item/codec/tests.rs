use super::*;
use crate::arbitrary;
use crate::value::Value;
use proptest::prelude::{prop_assert_eq, proptest};

/// An item with a value of every type.
fn every_type() -> Item {
    let number = |text: &str| text.parse().unwrap();
    Item::from([
        ("b", Value::B(Bytes::from_static(&[0, 255]))),
        ("bs", Value::Bs([Bytes::from_static(b"x"), Bytes::new()].into())),
        ("f", Value::Bool(false)),
        ("l", Value::L(vec![Value::Null, Value::L(vec![])])),
        ("m", Value::M([("k".to_owned(), Value::from("v"))].into())),
        ("n", Value::N(number("-123.4"))),
        ("ns", Value::Ns([number("0"), number("1e125")].into())),
        ("s", Value::from("é")),
        ("ss", Value::Ss(["a".into(), "b".into()].into())),
        ("t", Value::Bool(true)),
    ])
}

/// What version 1 wrote for `every_type`.
#[rustfmt::skip]
const VERSION_1: &[u8] = &[
    b'I', 1, 10, // head, count
    1, b'b', 4, 2, 0, 255, // B
    2, b'b', b's', 12, 2, 0, 1, b'x', // BS
    1, b'f', 5, // BOOL
    1, b'l', 9, 2, 7, 9, 0, // L
    1, b'm', 8, 1, 1, b'k', 1, 1, b'v', // M
    1, b'n', 3, 1, 210, 9, // N: -1234 · 10^-1
    2, b'n', b's', 11, 2, 2, 0, 0, 2, 250, 1, 1, // NS
    1, b's', 1, 2, 0xc3, 0xa9, // S
    2, b's', b's', 10, 2, 1, b'a', 1, b'b', // SS
    1, b't', 6, // BOOL
];

#[test]
fn version_one_is_written_and_stays_readable() {
    assert_eq!(every_type().encode(), VERSION_1);
    assert_eq!(Item::decode(VERSION_1), Ok(every_type()));
}

#[test]
fn other_records_and_later_versions_are_told_apart_from_damage() {
    let with = |at: usize, byte| {
        let mut bytes = VERSION_1.to_vec();
        bytes[at] = byte;
        Item::decode(&bytes).unwrap_err()
    };
    assert_eq!(with(0, b'X'), Error::RecordKind { expected: "item", found: b'X' });
    assert_eq!(with(1, 2), Error::RecordVersion { kind: "item", version: 2, newest: 1 });
    assert!(matches!(with(5, 99), Error::Damaged { kind: "item", .. }));
}

#[test]
fn every_cut_is_noticed() {
    for end in 0..VERSION_1.len() {
        assert!(Item::decode(&VERSION_1[..end]).is_err(), "{end}");
    }
    assert!(Item::decode(&[VERSION_1, &[0]].concat()).is_err());
}

#[test]
fn nesting_beyond_the_limit_is_refused_without_exhausting_the_stack() {
    let mut bytes = vec![TAG, VERSION, 1, 1, b'a'];
    bytes.extend([9, 1].repeat(100_000));
    bytes.push(7);
    let problem = "nested too deeply";
    assert_eq!(Item::decode(&bytes), Err(Error::Damaged { kind: "item", problem }));
}

proptest! {
    #[test]
    fn items_round_trip(item in arbitrary::items()) {
        prop_assert_eq!(Item::decode(&item.encode()), Ok(item));
    }

    #[test]
    fn any_bytes_decode_or_are_refused(body: Vec<u8>) {
        let _ = Item::decode(&[&[TAG, VERSION], body.as_slice()].concat());
    }
}
