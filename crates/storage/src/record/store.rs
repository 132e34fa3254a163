//! The store's own record: what belongs to no table.
//!
//! Key: `catalog/store/<version, 20 digits>`. There is exactly one such object per store; each
//! change writes the next version.

use super::Record;
use crate::settings::LogKind;
use serde::{Deserialize, Serialize};

/// Version 2: says which log the store has. Stores of version 1 have [`LogKind::Engine`]. Version 3: numbers
/// backups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreRecord {
    /// When the store was made.
    pub(crate) created_ms: i64,
    /// The number that the next table gets. Only grows, so that no number is given out twice.
    pub(crate) next_table: u64,
    /// Where the newest writes of all databases are. Never changes: a database that is opened with
    /// the other log would not find them.
    pub(crate) log: LogKind,
    /// The number that the next backup gets. Only grows. Since version 3.
    pub(crate) next_backup: u64,
}

/// Version 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version1 {
    created_ms: i64,
    next_table: u64,
}

/// Version 2.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version2 {
    created_ms: i64,
    next_table: u64,
    log: LogKind,
}

impl Record for StoreRecord {
    const KIND: &'static str = "foreshard.store";
    const VERSION: u32 = 3;

    fn read(version: u32, body: &str) -> Result<Self, String> {
        let failed = |error: serde_json::Error| error.to_string();
        let (created_ms, next_table, log) = match version {
            1 => {
                let Version1 { created_ms, next_table } =
                    serde_json::from_str(body).map_err(failed)?;
                (created_ms, next_table, LogKind::Engine)
            }
            2 => {
                let Version2 { created_ms, next_table, log } =
                    serde_json::from_str(body).map_err(failed)?;
                (created_ms, next_table, log)
            }
            _ => return serde_json::from_str(body).map_err(failed),
        };
        Ok(Self { created_ms, next_table, log, next_backup: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{decode, encode};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(
            created_ms: i64, next_table: u64, next_backup: u64, nonce: u64, node: bool
        ) {
            let log = if node { LogKind::Node } else { LogKind::Engine };
            let record = StoreRecord { created_ms, next_table, log, next_backup };
            let stored = encode(nonce, &record).unwrap();
            prop_assert_eq!(decode::<StoreRecord>("x", &stored).unwrap(), (nonce, record));
        }
    }

    fn opened(fixture: &[u8]) -> StoreRecord {
        let (nonce, record) = decode::<StoreRecord>("fixture", fixture).unwrap();
        assert_eq!(nonce, 0x00c0_ffee);
        record
    }

    fn expected(log: LogKind, next_backup: u64) -> StoreRecord {
        StoreRecord { created_ms: 1_700_000_000_000, next_table: 42, log, next_backup }
    }

    #[test]
    fn version_1_opens() {
        let record = opened(include_bytes!("../../fixtures/store.v1"));
        assert_eq!(record, expected(LogKind::Engine, 1));
    }

    #[test]
    fn version_2_opens() {
        let record = opened(include_bytes!("../../fixtures/store.v2"));
        assert_eq!(record, expected(LogKind::Node, 1));
    }

    #[test]
    fn version_3_opens() {
        let fixture = include_bytes!("../../fixtures/store.v3");
        let record = opened(fixture);
        assert_eq!(record, expected(LogKind::Node, 7));
        assert_eq!(encode(0x00c0_ffee, &record).unwrap(), fixture[..], "what is written today");
    }
}
