//! The wrapping of stored bytes: tag, version, checksum, compressed content.
//!
//! ```text
//! 4 bytes tag ‖ 1 byte version ‖ 4 bytes CRC-32 of what follows, little-endian ‖ deflate(content)
//! ```
//!
//! The tag tells one kind of record from another, the version how to read it, the checksum whether
//! it is what was written. The content is each kind's own business.

use crate::WorkloadError;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{Read, Write};

/// Content longer than this is not read: no record that this crate writes comes near it.
const CONTENT_BYTES_MAX: u64 = 1 << 30;
const TAG_BYTES: usize = 4;
const HEAD_BYTES: usize = TAG_BYTES + 1 + 4;

/// A kind of stored record.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) tag: [u8; TAG_BYTES],
    pub(crate) name: &'static str,
}

impl Kind {
    pub(crate) fn error(&self, reason: impl ToString) -> WorkloadError {
        WorkloadError::Stored { kind: self.name, reason: reason.to_string() }
    }

    /// Wraps content of a version.
    pub(crate) fn wrap(&self, version: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = self.tag.to_vec();
        bytes.push(version);
        bytes.extend_from_slice(&[0; 4]);
        let mut encoder = DeflateEncoder::new(bytes, Compression::fast());
        // Writing to memory cannot fail.
        encoder.write_all(content).expect("a Vec takes every write");
        let mut bytes = encoder.finish().expect("a Vec takes every write");
        let checksum = crc32fast::hash(&bytes[HEAD_BYTES..]);
        bytes[TAG_BYTES + 1..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The version and the content of wrapped bytes.
    pub(crate) fn unwrap(&self, bytes: &[u8]) -> Result<(u8, Vec<u8>), WorkloadError> {
        let Some((head, compressed)) = bytes.split_at_checked(HEAD_BYTES) else {
            return Err(self.error("it is cut off"));
        };
        if head[..TAG_BYTES] != self.tag {
            return Err(self.error("it is a record of another kind"));
        }
        if crc32fast::hash(compressed).to_le_bytes() != head[TAG_BYTES + 1..] {
            return Err(self.error("its checksum is wrong"));
        }
        let mut content = Vec::new();
        let mut decoder = DeflateDecoder::new(compressed).take(CONTENT_BYTES_MAX);
        decoder.read_to_end(&mut content).map_err(|error| self.error(error))?;
        Ok((head[TAG_BYTES], content))
    }

    /// The error for a version that this program does not know.
    pub(crate) fn unknown_version(&self, version: u8) -> WorkloadError {
        self.error(format!("its version {version} is newer than this program"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIND: Kind = Kind { tag: *b"TEST", name: "test record" };

    proptest! {
        #[test]
        fn what_is_wrapped_comes_back(content in prop::collection::vec(any::<u8>(), 0..500)) {
            prop_assert_eq!(KIND.unwrap(&KIND.wrap(3, &content)).unwrap(), (3, content));
        }

        #[test]
        fn any_changed_byte_but_the_version_is_noticed(
            content in prop::collection::vec(any::<u8>(), 1..100),
            at in any::<prop::sample::Index>(),
            flip in 1u8..,
        ) {
            let mut bytes = KIND.wrap(3, &content);
            let at = at.index(bytes.len());
            prop_assume!(at != TAG_BYTES);
            bytes[at] ^= flip;
            prop_assert!(KIND.unwrap(&bytes).is_err());
        }
    }

    #[test]
    fn cut_off_bytes_are_refused() {
        let bytes = KIND.wrap(1, b"content");
        for len in 0..bytes.len() {
            assert!(KIND.unwrap(&bytes[..len]).is_err(), "{len} bytes");
        }
    }
}
