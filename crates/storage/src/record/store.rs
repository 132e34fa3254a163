//! The store's own record: what belongs to no table.
//!
//! Key: `catalog/store/<version, 20 digits>`. There is exactly one such object per store; each
//! change writes the next version.

use super::Record;
use serde::{Deserialize, Serialize};

/// Version 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreRecord {
    /// When the store was made.
    pub(crate) created_ms: i64,
    /// The number that the next table gets. Only grows, so that no number is given out twice.
    pub(crate) next_table: u64,
}

impl Record for StoreRecord {
    const KIND: &'static str = "foreshard.store";
    const VERSION: u32 = 1;

    fn read(_version: u32, body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{decode, encode};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(created_ms: i64, next_table: u64, nonce: u64) {
            let record = StoreRecord { created_ms, next_table };
            let stored = encode(nonce, &record).unwrap();
            prop_assert_eq!(decode::<StoreRecord>("x", &stored).unwrap(), (nonce, record));
        }
    }

    #[test]
    fn version_1_opens() {
        let fixture = include_bytes!("../../fixtures/store.v1");
        let (nonce, record) = decode::<StoreRecord>("fixture", fixture).unwrap();
        assert_eq!(nonce, 0x00c0_ffee);
        assert_eq!(record, StoreRecord { created_ms: 1_700_000_000_000, next_table: 42 });
    }
}
