//! The beginning of a segment.

use super::{split_u32, split_u64};

/// The length of a segment's header.
pub const HEADER_BYTES: usize = 40;
/// Names the format; a byte with its version follows.
const MAGIC: [u8; 7] = *b"FSNDLOG";
/// The version that is written, and the oldest one that is read.
pub(crate) const VERSION: u8 = 2;
const VERSION_MIN: u8 = 1;
const CHECKED_BYTES: usize = HEADER_BYTES - 4;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u8,
    pub(crate) number: u64,
    /// The number of its first frame.
    pub(crate) first_frame: u64,
    /// Goes into each frame's checksum.
    pub(crate) salt: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.push(self.version);
        for field in [self.number, self.first_frame, self.salt] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header at the beginning of a segment, or what is wrong with it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let header = bytes.get(..HEADER_BYTES).ok_or("it is too short for a header")?;
        let rest = header.strip_prefix(&MAGIC).ok_or("it does not begin like a log segment")?;
        let (version, rest) = rest.split_first().ok_or("it is too short for a header")?;
        if !(VERSION_MIN..=VERSION).contains(version) {
            return Err("it was written by a version of the program with another log format");
        }
        let damaged = "its header's checksum does not match";
        let (crc, _) = split_u32(&header[CHECKED_BYTES..]).ok_or(damaged)?;
        if crc != crc32fast::hash(&header[..CHECKED_BYTES]) {
            return Err(damaged);
        }
        let (number, rest) = split_u64(rest).ok_or(damaged)?;
        let (first_frame, rest) = split_u64(rest).ok_or(damaged)?;
        let (salt, _) = split_u64(rest).ok_or(damaged)?;
        Ok(Self { version: *version, number, first_frame, salt })
    }
}
