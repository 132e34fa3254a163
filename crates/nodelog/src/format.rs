//! The bytes on the disk. All integers are little endian.
//!
//! ```text
//! segment  = header, frame, frame, ..          its file is named by its number: 16 hex digits ".log"
//! header   = magic 8 | number 8 | first frame 8 | salt 8 | zero 4 | crc32 4
//! frame    = magic 4 | payload length 4 | frame number 8 | crc32 4 | zero 4 | payload | zeros to 8
//! payload  = record, record, ..
//! record   = 1 | local 4 | last id 8 | stored id 8 | name length 2 | name              (database)
//!          | 2 | local 4 | previous id 8 | id 8 | length 4 | bytes                     (rows)
//!          | 3 | local 4                                                               (drop)
//!          | 4 | zero 4 | segment 8                                                    (next)
//! ```
//!
//! - A frame is a group: written by one write, forced by one sync, and intact or not as a whole. Its
//!   checksum covers the segment's salt, the length, the frame's number and the payload, so that a
//!   frame of another file or another place is none here.
//! - Frame numbers run on without gaps over all segments, and frame n+1 is written only after
//!   frame n is on the disk. So damage with no intact frame behind it is a write that was never
//!   finished, and of which nobody was told; any other damage is a loss.
//! - `local` is a number that stands for a database within one segment. A database record gives it
//!   out; every segment begins with one for each database, so it can be read without those before.
//! - The rows of a database are a chain: each names the id before it.
//! - `stored id`: all rows up to it are in other files of their database.
//!
//! - `next`: the segment goes on in another file, whose name is on the disk; so a newest file that is
//!   missing is missed. It is the last record, in a frame of its own, which has the number of the
//!   frame that the next segment begins with and does not count: if it is torn or lost, the segment
//!   says nothing.
//!
//! Version 2. A new version gets a new header magic. Version 1, which had no `next`, is read, too.

mod frame;
mod header;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use frame::{FRAME_BYTES, FrameBuffer, PAYLOAD_BYTES_MAX, frame_at, intact_frame_after};
pub use header::HEADER_BYTES;
pub(crate) use header::{Header, VERSION};
pub(crate) use record::{Record, Records};

/// The ending of a segment's name, and of one that is being made.
const SUFFIX: &str = ".log";
const UNFINISHED_SUFFIX: &str = ".log.new";

/// The name of a segment's file.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:016x}{SUFFIX}")
}

/// The name that a segment's file has while it is being made.
pub(crate) fn unfinished_name(number: u64) -> String {
    format!("{number:016x}{UNFINISHED_SUFFIX}")
}

/// The number in a segment's name.
pub(crate) fn number_in(file: &str) -> Option<u64> {
    let digits = file.strip_suffix(SUFFIX)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (file_name(number) == file).then_some(number)
}

/// Whether a file is a segment that was never finished.
pub(crate) fn is_unfinished(file: &str) -> bool {
    file.ends_with(UNFINISHED_SUFFIX)
}

/// The integer at the beginning of `bytes`, and what follows.
fn split_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*head), rest))
}

/// The integer at the beginning of `bytes`, and what follows.
fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*head), rest))
}
