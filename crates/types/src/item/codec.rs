//! Items as stored bytes: a tag, a version byte, then the attributes.
//!
//! The body is a small format of our own, because it is read and written on every request: each
//! value is a type byte and its content, lengths and counts are LEB128 integers, a number is its
//! coefficient and zigzag exponent with the sign in the type byte. Decoding borrows nothing but
//! copies byte strings once. A change of the format needs a new version number, and the fixtures in
//! `tests` of every earlier version must still open.

mod read;
mod write;

use super::Item;
use crate::error::Error;
use bytes::Bytes;
use read::Reader;

/// First byte of a stored item.
const TAG: u8 = b'I';
/// The version that is written.
const VERSION: u8 = 1;
/// Room for tag, version and count.
const HEAD_BYTES: usize = 8;

/// Type bytes of version 1.
mod kind {
    pub(super) const STRING: u8 = 1;
    pub(super) const NUMBER: u8 = 2;
    pub(super) const NEGATIVE_NUMBER: u8 = 3;
    pub(super) const BYTES: u8 = 4;
    pub(super) const FALSE: u8 = 5;
    pub(super) const TRUE: u8 = 6;
    pub(super) const NULL: u8 = 7;
    pub(super) const MAP: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const STRING_SET: u8 = 10;
    pub(super) const NUMBER_SET: u8 = 11;
    pub(super) const BYTES_SET: u8 = 12;
}

impl Item {
    /// The item as stored bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEAD_BYTES + self.size_bytes() + 4 * self.0.len());
        out.extend([TAG, VERSION]);
        write::attributes(&mut out, &self.0);
        out.into()
    }

    /// Reads an item from stored bytes.
    ///
    /// # Errors
    /// If the bytes are another record, of a later version, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        const KIND: &str = "item";
        let [tag, version, body @ ..] = bytes else {
            return Err(Error::Damaged { kind: KIND, problem: "shorter than its head" });
        };
        if *tag != TAG {
            return Err(Error::RecordKind { expected: KIND, found: *tag });
        }
        if *version != VERSION {
            return Err(Error::RecordVersion { kind: KIND, version: *version, newest: VERSION });
        }
        let mut reader = Reader::new(body);
        reader
            .attributes()
            .and_then(|attributes| reader.finish().map(|()| Item(attributes)))
            .map_err(|problem| Error::Damaged { kind: KIND, problem })
    }
}

#[cfg(test)]
mod tests;
