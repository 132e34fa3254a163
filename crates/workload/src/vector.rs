//! The workload vector: what is remembered of one data request, in a fixed number of bytes.
//!
//! It is `Copy` and owns nothing, so that recording it neither allocates nor frees. Keys are kept as
//! prefixes: enough to place a request on the key axis, not enough to rebuild the item.

use serde::{Deserialize, Serialize};
use std::fmt;
use types::{PartitionId, TableId};

/// Bytes of the storage key that a vector keeps: 8 of hash and 40 of key, or 48 of key.
pub const STORAGE_KEY_PREFIX_BYTES: usize = 48;
/// Bytes of the encoded range (sort) key that a vector keeps.
pub const RANGE_KEY_PREFIX_BYTES: usize = 24;

/// The beginning of a storage key.
pub type StorageKeyPrefix = KeyPrefix<STORAGE_KEY_PREFIX_BYTES>;
/// The beginning of an encoded range (sort) key; empty when the table has none.
pub type RangeKeyPrefix = KeyPrefix<RANGE_KEY_PREFIX_BYTES>;

/// What a request does with items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestType {
    /// Writes a whole item.
    Store,
    /// Reads one item.
    Retrieve,
    /// Changes parts of an item.
    Modify,
    /// Removes an item.
    Delete,
    /// Reads items of one collection.
    Query,
    /// Reads items of a range of partition keys.
    Range,
    /// Reads a table from one end to the other.
    Scan,
    /// Reads one of the segments that a table is scanned in at once.
    Segment,
}

impl RequestType {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// The name used in trace files and in the API: whatever reads more than one item is a query.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Retrieve => "retrieve",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::Query | Self::Range | Self::Scan | Self::Segment => "query",
        }
    }

    /// What the request is about.
    pub fn reach(self) -> Reach {
        match self {
            Self::Store | Self::Retrieve | Self::Modify | Self::Delete => Reach::Item,
            Self::Query => Reach::Collection,
            Self::Range => Reach::Range,
            Self::Scan => Reach::Scan,
            Self::Segment => Reach::Segment,
        }
    }

    /// Whether the request asks for write capacity.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Store | Self::Modify | Self::Delete)
    }
}

/// How much of a table a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// One item.
    Item,
    /// One item collection.
    Collection,
    /// A range of partition keys.
    Range,
    /// All of it.
    Scan,
    /// A segment of a scan in several at once.
    Segment,
}

impl Reach {
    /// Whether it is about one partition key, so that its load is that key's.
    pub fn is_one_key(self) -> bool {
        matches!(self, Self::Item | Self::Collection)
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was executed, whatever the answer.
    Served,
    /// It was refused for lack of capacity.
    Throttled,
}

/// Up to `N` leading bytes of a key, stored in place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyPrefix<const N: usize> {
    /// Zero beyond `len`, so that derived equality and hashing see only the key.
    bytes: [u8; N],
    len: u8,
    truncated: bool,
}

impl<const N: usize> KeyPrefix<N> {
    /// The prefix of an empty key.
    pub const EMPTY: Self = Self { bytes: [0; N], len: 0, truncated: false };

    /// The first `N` bytes of `key`.
    #[inline]
    pub fn new(key: &[u8]) -> Self {
        const { assert!(N <= u8::MAX as usize, "the length is one byte") };
        let len = key.len().min(N);
        let mut bytes = [0; N];
        bytes[..len].copy_from_slice(&key[..len]);
        Self { bytes, len: len as u8, truncated: key.len() > N }
    }

    /// The bytes kept.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether the key went on beyond what is kept.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }
}

impl<const N: usize> PartialOrd for KeyPrefix<N> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> Ord for KeyPrefix<N> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes()).then(self.truncated.cmp(&other.truncated))
    }
}

impl<const N: usize> fmt::Debug for KeyPrefix<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", KeyHex(self.as_bytes()))?;
        f.write_str(if self.truncated { "…" } else { "" })
    }
}

impl<const N: usize> Serialize for KeyPrefix<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.truncated, self.as_bytes()).serialize(serializer)
    }
}

impl<'de, const N: usize> Deserialize<'de> for KeyPrefix<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (truncated, bytes) = <(bool, Vec<u8>)>::deserialize(deserializer)?;
        if bytes.len() > N {
            return Err(serde::de::Error::custom("key prefix too long"));
        }
        Ok(Self { truncated, ..Self::new(&bytes) })
    }
}

/// Bytes of a key, shown in hexadecimal.
pub(crate) struct KeyHex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for KeyHex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One data request, as the recorder and the collector see it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vector {
    /// The table asked.
    pub table: TableId,
    /// The partition that the storage key belonged to.
    pub partition: PartitionId,
    /// Hash of the partition key, as the storage key has it.
    pub key_hash: u64,
    /// When the request arrived, in milliseconds since the Unix epoch on the service's clock.
    pub timestamp_ms: i64,
    /// Hash of the client's identifier (see [`crate::ClientNames`]).
    pub client: u64,
    /// Bytes read or written, as capacity units count them.
    pub data_bytes: u32,
    /// Read units the request took, or would have taken as far as is known.
    pub read_units: f32,
    /// Write units the request took, or would have taken as far as is known.
    pub write_units: f32,
    /// Where on the key axis: the beginning of the storage key.
    pub storage_key: StorageKeyPrefix,
    /// The beginning of the encoded range (sort) key.
    pub range_key: RangeKeyPrefix,
    /// What the request does.
    pub request: RequestType,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether it is new demand, not the retry of a request already counted (see [`crate::Demand`]).
    pub demand: bool,
}

impl Vector {
    /// Read and write units together: the measure by which cells and keys are called hot.
    pub fn units(&self) -> f64 {
        f64::from(self.read_units) + f64::from(self.write_units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_stays_small() {
        assert!(size_of::<Vector>() <= 192, "{} bytes", size_of::<Vector>());
    }

    #[test]
    fn prefixes_keep_order_and_say_when_they_cut() {
        let short = KeyPrefix::<4>::new(b"abc");
        let exact = KeyPrefix::<4>::new(b"abcd");
        let cut = KeyPrefix::<4>::new(b"abcde");
        assert_eq!(short.as_bytes(), b"abc");
        assert!(!exact.is_truncated() && cut.is_truncated());
        assert!(short < exact && exact < cut);
        assert_eq!(format!("{cut:?}"), "61626364…");
    }

    #[test]
    fn a_stored_prefix_that_is_too_long_is_refused() {
        let long = postcard::to_allocvec(&(false, vec![7u8; 5])).unwrap();
        assert!(postcard::from_bytes::<KeyPrefix<4>>(&long).is_err());
        let cut = KeyPrefix::<4>::new(b"abcde");
        let bytes = postcard::to_allocvec(&cut).unwrap();
        assert_eq!(postcard::from_bytes::<KeyPrefix<4>>(&bytes).unwrap(), cut);
    }
}
