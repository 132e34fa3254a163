//! The frame around every record that this crate persists in the catalog.
//!
//! One header line, then the record as JSON, so that a person can read a broken store:
//!
//! ```text
//! foreshard.table 1 nonce:00c0ffee00c0ffee xxh3:0123456789abcdef
//! { .. }
//! ```
//!
//! The header has the record's kind and version, the nonce by which a writer recognises its own
//! write, and a hash over all that follows. The kinds are [`store`], [`table`] and [`backup`]; each has a file
//! with its key layout, and a fixture of every version that was ever released.

pub(crate) mod backup;
pub(crate) mod store;
pub(crate) mod table;

use crate::error::{Result, StorageError};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::{PartitionId, TableId};
use xxhash_rust::xxh3::xxh3_64;

/// A kind of persisted record.
pub(crate) trait Record: Sized + Clone + Send + Sync + Serialize + 'static {
    /// The stable tag. Never changes.
    const KIND: &'static str;
    /// The version that is written.
    const VERSION: u32;

    /// Reads a body of `version`, which is `VERSION` or older.
    fn read(version: u32, body: &str) -> std::result::Result<Self, String>;
}

/// A record as it is stored.
pub(crate) fn encode<R: Record>(nonce: u64, record: &R) -> Result<Bytes> {
    let mut body = serde_json::to_string_pretty(record)
        .map_err(|error| StorageError::Refused(format!("cannot be stored as JSON: {error}")))?;
    body.push('\n');
    let hash = xxh3_64(body.as_bytes());
    Ok(format!("{} {} nonce:{nonce:016x} xxh3:{hash:016x}\n{body}", R::KIND, R::VERSION).into())
}

/// The nonce and the record in `stored`, which was found at `path`.
pub(crate) fn decode<R: Record>(path: &str, stored: &[u8]) -> Result<(u64, R)> {
    parse(stored).map_err(|reason| StorageError::Corrupt { path: path.to_owned(), reason })
}

fn parse<R: Record>(stored: &[u8]) -> std::result::Result<(u64, R), String> {
    let text = std::str::from_utf8(stored).map_err(|error| error.to_string())?;
    let (header, body) = text.split_once('\n').ok_or("no header line")?;
    let fields: Vec<&str> = header.split(' ').collect();
    let [kind, version, nonce, hash] = fields[..] else {
        return Err(format!("header {header:?} has not four fields"));
    };
    if kind != R::KIND {
        return Err(format!("is a {kind:?}, expected a {:?}", R::KIND));
    }
    let version: u32 = version.parse().map_err(|_| format!("version {version:?}"))?;
    if version == 0 || version > R::VERSION {
        return Err(format!(
            "has version {version}, this program knows versions up to {}",
            R::VERSION
        ));
    }
    let hex = |field: &str, name: &str| {
        field
            .strip_prefix(name)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or_else(|| format!("header field {field:?}"))
    };
    if hex(hash, "xxh3:")? != xxh3_64(body.as_bytes()) {
        return Err("its hash does not match its content".to_owned());
    }
    Ok((hex(nonce, "nonce:")?, R::read(version, body)?))
}

/// A partition's database, of whichever table: the numbers in its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseId {
    pub(crate) table: TableId,
    pub(crate) partition: PartitionId,
}

/// A key in a record: hexadecimal digits, as storage keys are no text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HexKey(pub(crate) Bytes);

impl Serialize for HexKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&digits)
    }
}

impl<'de> Deserialize<'de> for HexKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(format!("{digits:?} is not hexadecimal"));
        if !digits.is_ascii() || digits.len() % 2 != 0 {
            return Err(wrong());
        }
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong()))
            .collect::<Result<Vec<u8>, _>>()
            .map(|bytes| Self(bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::store::StoreRecord;
    use super::table::TableRecord;
    use super::*;
    use crate::settings::LogKind;

    fn record() -> StoreRecord {
        StoreRecord { created_ms: 5, next_table: 3, log: LogKind::Node, next_backup: 1 }
    }

    fn stored() -> Vec<u8> {
        encode(7, &record()).unwrap().to_vec()
    }

    #[test]
    fn what_was_written_is_read() {
        let (nonce, record) = decode::<StoreRecord>("x", &stored()).unwrap();
        assert_eq!((nonce, record), (7, self::record()));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let whole = stored();
        for at in 0..whole.len() {
            // The nonce may be anything; a wrong one is merely not recognised.
            if (24..40).contains(&at) {
                continue;
            }
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(decode::<StoreRecord>("x", &damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_kind_and_a_newer_version_are_refused_by_name() {
        let error = decode::<TableRecord>("catalog/x", &stored()).unwrap_err().to_string();
        assert!(error.contains("catalog/x") && error.contains("foreshard.store"), "{error}");
        let newer = String::from_utf8(stored()).unwrap().replacen(" 3 ", " 99 ", 1);
        let error = decode::<StoreRecord>("x", newer.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("version 99"), "{error}");
    }
}
