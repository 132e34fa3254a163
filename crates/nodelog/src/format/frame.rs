//! Frames: groups of records that are intact or not as a whole.

use super::{split_u32, split_u64};
use std::ops::Range;

/// The length of a frame without its payload.
pub(crate) const FRAME_BYTES: usize = 24;
/// The longest payload that is written or believed.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 30;
const MAGIC: [u8; 4] = *b"FSfr";
/// Frames begin at multiples of this.
const ALIGN: usize = 8;

/// A frame that is being filled.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    bytes: Vec<u8>,
}

impl FrameBuffer {
    /// Where records go. The first call after [`finish`](Self::finish) begins a new frame.
    pub(crate) fn payload(&mut self) -> &mut Vec<u8> {
        if self.bytes.is_empty() {
            self.bytes.resize(FRAME_BYTES, 0);
        }
        &mut self.bytes
    }

    /// Closes the frame and hands its bytes out.
    pub(crate) fn finish(&mut self, salt: u64, number: u64) -> Vec<u8> {
        self.payload();
        let mut bytes = std::mem::take(&mut self.bytes);
        let payload = &bytes[FRAME_BYTES..];
        let length = u32::try_from(payload.len()).expect("groups are bounded far below that");
        let crc = checksum(salt, number, payload);
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        bytes
    }

    /// Gives the memory of a finished frame back for the next one.
    pub(crate) fn reuse(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        self.bytes = bytes;
    }
}

fn checksum(salt: u64, number: u64, payload: &[u8]) -> u32 {
    let length = payload.len() as u32;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// An intact frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) number: u64,
    /// Where its payload is in the segment.
    pub(crate) payload: Range<usize>,
    /// Where the next frame begins.
    pub(crate) end: usize,
}

/// The frame at offset `at` of a segment, if it is intact.
pub(crate) fn frame_at(segment: &[u8], at: usize, salt: u64) -> Option<Frame> {
    let header = segment.get(at..at + FRAME_BYTES)?;
    let (magic, rest) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return None;
    }
    let (length, rest) = split_u32(rest)?;
    let (number, rest) = split_u64(rest)?;
    let (crc, _) = split_u32(rest)?;
    let length = Some(length as usize).filter(|length| *length <= PAYLOAD_BYTES_MAX)?;
    let payload = at + FRAME_BYTES..at + FRAME_BYTES + length;
    let intact = checksum(salt, number, segment.get(payload.clone())?) == crc;
    let end = payload.end.next_multiple_of(ALIGN);
    intact.then_some(Frame { number, payload, end })
}

/// An intact frame behind `at` whose number is at least `number`, and where it is. Copies of older
/// frames do not count: rows may contain anything, also what was once read from this file.
pub(crate) fn intact_frame_after(
    segment: &[u8],
    at: usize,
    salt: u64,
    number: u64,
) -> Option<(usize, Frame)> {
    (at + ALIGN..segment.len()).step_by(ALIGN).find_map(|at| {
        let frame = frame_at(segment, at, salt)?;
        (frame.number >= number).then_some((at, frame))
    })
}
