//! The writing half of the item format.

use super::kind;
use crate::number::Number;
use crate::value::Value;
use std::collections::BTreeMap;

/// A count, then name and value of each.
pub(super) fn attributes(out: &mut Vec<u8>, attributes: &BTreeMap<String, Value>) {
    integer(out, attributes.len() as u128);
    for (name, content) in attributes {
        bytes(out, name.as_bytes());
        value(out, content);
    }
}

fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::S(text) => {
            out.push(kind::STRING);
            bytes(out, text.as_bytes());
        }
        Value::N(number) => self::number(out, number),
        Value::B(content) => {
            out.push(kind::BYTES);
            bytes(out, content);
        }
        Value::Bool(false) => out.push(kind::FALSE),
        Value::Bool(true) => out.push(kind::TRUE),
        Value::Null => out.push(kind::NULL),
        Value::M(map) => {
            out.push(kind::MAP);
            attributes(out, map);
        }
        Value::L(list) => sequence(out, kind::LIST, list, self::value),
        Value::Ss(set) => sequence(out, kind::STRING_SET, set, |out, s| bytes(out, s.as_bytes())),
        Value::Ns(set) => sequence(out, kind::NUMBER_SET, set, number),
        Value::Bs(set) => sequence(out, kind::BYTES_SET, set, |out, b| bytes(out, b)),
    }
}

fn sequence<'a, T: 'a, I>(out: &mut Vec<u8>, kind: u8, elements: I, write: fn(&mut Vec<u8>, &'a T))
where
    I: IntoIterator<Item = &'a T, IntoIter: ExactSizeIterator>,
{
    let elements = elements.into_iter();
    out.push(kind);
    integer(out, elements.len() as u128);
    for element in elements {
        write(out, element);
    }
}

fn number(out: &mut Vec<u8>, number: &Number) {
    let (negative, coefficient, exponent) = number.parts();
    out.push(if negative { kind::NEGATIVE_NUMBER } else { kind::NUMBER });
    let zigzag = (exponent << 1) ^ (exponent >> 15);
    integer(out, u128::from(zigzag as u16));
    integer(out, coefficient);
}

fn bytes(out: &mut Vec<u8>, content: &[u8]) {
    integer(out, content.len() as u128);
    out.extend_from_slice(content);
}

/// LEB128: seven bits a byte, the lowest first.
fn integer(out: &mut Vec<u8>, mut integer: u128) {
    while integer >= 0x80 {
        out.push(integer as u8 | 0x80);
        integer >>= 7;
    }
    out.push(integer as u8);
}
