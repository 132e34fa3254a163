//! The reading half of the item format: never trusts a length, a count or a depth.

use super::kind;
use crate::limits::NESTING_DEPTH_MAX;
use crate::number::Number;
use crate::value::Value;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What does not fit, for `Error::Damaged`.
type Read<T> = Result<T, &'static str>;

/// The stored bytes that are still unread.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest, depth: 0 }
    }

    /// Everything must have been read.
    pub(super) fn finish(&self) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { Err("bytes after the end") }
    }

    pub(super) fn attributes(&mut self) -> Read<BTreeMap<String, Value>> {
        let count = self.count()?;
        // Names are stored in order, which is what makes building the map cheap.
        (0..count).map(|_| Ok((self.string()?, self.value()?))).collect()
    }

    fn value(&mut self) -> Read<Value> {
        Ok(match self.byte()? {
            kind::STRING => Value::S(self.string()?),
            kind::NUMBER => Value::N(self.number(false)?),
            kind::NEGATIVE_NUMBER => Value::N(self.number(true)?),
            kind::BYTES => Value::B(self.bytes()?),
            kind::FALSE => Value::Bool(false),
            kind::TRUE => Value::Bool(true),
            kind::NULL => Value::Null,
            kind::MAP => Value::M(self.nested(Self::attributes)?),
            kind::LIST => Value::L(self.nested(|reader| reader.sequence(Self::value))?),
            kind::STRING_SET => Value::Ss(self.set(Self::string)?),
            kind::NUMBER_SET => Value::Ns(self.set(Self::any_number)?),
            kind::BYTES_SET => Value::Bs(self.set(Self::bytes)?),
            _ => return Err("unknown type of value"),
        })
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.depth += 1;
        if self.depth > NESTING_DEPTH_MAX {
            return Err("nested too deeply");
        }
        let content = read(self)?;
        self.depth -= 1;
        Ok(content)
    }

    fn sequence<T, C: FromIterator<T>>(&mut self, read: fn(&mut Self) -> Read<T>) -> Read<C> {
        let count = self.count()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn set<T: Ord>(&mut self, read: fn(&mut Self) -> Read<T>) -> Read<BTreeSet<T>> {
        self.sequence(read)
    }

    fn any_number(&mut self) -> Read<Number> {
        match self.byte()? {
            kind::NUMBER => self.number(false),
            kind::NEGATIVE_NUMBER => self.number(true),
            _ => Err("unknown type of number"),
        }
    }

    fn number(&mut self, negative: bool) -> Read<Number> {
        let zigzag = u16::try_from(self.integer()?).map_err(|_| "exponent too large")?;
        let exponent = (zigzag >> 1) as i16 ^ -((zigzag & 1) as i16);
        Number::from_parts(negative, self.integer()?, i32::from(exponent))
            .map_err(|_| "number out of range")
    }

    fn string(&mut self) -> Read<String> {
        let text = str::from_utf8(self.slice()?).map_err(|_| "string is not UTF-8")?;
        Ok(text.to_owned())
    }

    fn bytes(&mut self) -> Read<Bytes> {
        self.slice().map(Bytes::copy_from_slice)
    }

    fn slice(&mut self) -> Read<&'a [u8]> {
        let length = self.count()?;
        let (slice, rest) = self.rest.split_at_checked(length).ok_or("cut off")?;
        self.rest = rest;
        Ok(slice)
    }

    fn byte(&mut self) -> Read<u8> {
        let (byte, rest) = self.rest.split_first().ok_or("cut off")?;
        self.rest = rest;
        Ok(*byte)
    }

    /// A length or count, which cannot exceed the bytes that are left.
    fn count(&mut self) -> Read<usize> {
        let count = usize::try_from(self.integer()?).map_err(|_| "length too large")?;
        if count > self.rest.len() { Err("cut off") } else { Ok(count) }
    }

    fn integer(&mut self) -> Read<u128> {
        let mut integer = 0u128;
        for shift in (0..).step_by(7) {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            if shift >= u128::BITS || (part << shift) >> shift != part {
                return Err("integer too large");
            }
            integer |= part << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(integer)
    }
}
