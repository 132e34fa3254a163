//! One key value inside a storage key: a type byte, then bytes that keep its order and end themselves.
//!
//! Strings and byte strings keep their bytes, except that 0x00 becomes 0x00 0xFF, and end with
//! 0x00 0x00, so that a string sorts before its extensions whatever follows it in the key (the
//! escape of FoundationDB's tuple layer). Numbers are `Number::encode_ordered`. The type byte makes
//! stored keys readable without the table's schema.

use crate::error::Error;
use crate::key::KeyValue;
use crate::number::Number;

const BYTES: u8 = b'B';
const NUMBER: u8 = b'N';
const STRING: u8 = b'S';

const ZERO: u8 = 0x00;
/// Behind a zero: the zero is part of the value.
const ESCAPED: u8 = 0xff;
/// Behind a zero: the value has ended.
const END: u8 = 0x00;

/// Appends `value`.
pub(super) fn encode(out: &mut Vec<u8>, value: &KeyValue) {
    encode_start(out, value);
    if !matches!(value, KeyValue::N(_)) {
        out.extend([ZERO, END]);
    }
}

/// Appends `value` without its end: what all strings that begin with it begin with.
pub(super) fn encode_start(out: &mut Vec<u8>, value: &KeyValue) {
    match value {
        KeyValue::S(text) => {
            out.push(STRING);
            escape(out, text.as_bytes());
        }
        KeyValue::B(bytes) => {
            out.push(BYTES);
            escape(out, bytes);
        }
        KeyValue::N(number) => {
            out.push(NUMBER);
            number.encode_ordered(out);
        }
    }
}

fn escape(out: &mut Vec<u8>, mut content: &[u8]) {
    while let Some(at) = content.iter().position(|&byte| byte == ZERO) {
        out.extend_from_slice(&content[..=at]);
        out.push(ESCAPED);
        content = &content[at + 1..];
    }
    out.extend_from_slice(content);
}

/// Reads a key value from the beginning of `bytes`; also returns how many bytes it took.
pub(super) fn decode(bytes: &[u8]) -> Result<(KeyValue, usize), Error> {
    let (kind, rest) = bytes.split_first().ok_or(damaged("ends before a key value"))?;
    let (value, length) = match *kind {
        NUMBER => {
            let (number, length) = Number::decode_ordered(rest)?;
            (KeyValue::N(number), length)
        }
        STRING => {
            let (content, length) = unescape(rest)?;
            let text = String::from_utf8(content).map_err(|_| damaged("string is not UTF-8"))?;
            (KeyValue::S(text), length)
        }
        BYTES => {
            let (content, length) = unescape(rest)?;
            (KeyValue::B(content.into()), length)
        }
        _ => return Err(damaged("unknown type of key value")),
    };
    Ok((value, length + 1))
}

fn unescape(bytes: &[u8]) -> Result<(Vec<u8>, usize), Error> {
    let mut content = Vec::new();
    let mut at = 0;
    while let Some(zero) = bytes[at..].iter().position(|&byte| byte == ZERO) {
        let end = at + zero;
        content.extend_from_slice(&bytes[at..end]);
        match bytes.get(end + 1) {
            Some(&END) => return Ok((content, end + 2)),
            Some(&ESCAPED) => content.push(ZERO),
            _ => return Err(damaged("a zero that is neither escaped nor an end")),
        }
        at = end + 2;
    }
    Err(damaged("a key value without end"))
}

fn damaged(problem: &'static str) -> Error {
    Error::Damaged { kind: "storage key", problem }
}
