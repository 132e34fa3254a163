//! A backup's record: where a table's data of one instant are.
//!
//! Key: `catalog/backups/<number>/<version, 20 digits>`. The number is given out by the store's record and never
//! again; when a backup is deleted, all of its versions go.
//!
//! A backup has no files of its own. It names, for each partition that the table had, the
//! [checkpoint](BackupPart::checkpoint) in that partition's database, and the databases that the checkpoint
//! borrows files from. As long as the record is there, none of them is deleted, whatever becomes of the table.

use super::{DatabaseId, HexKey, Record};
use serde::{Deserialize, Serialize};
use types::{BackupId, KeyRange, PartitionId, TableId};

/// Version 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupRecord {
    pub(crate) id: BackupId,
    pub(crate) table: TableId,
    pub(crate) table_name: String,
    pub(crate) stage: BackupStage,
    /// When it was begun, by the store's clock.
    pub(crate) begun_ms: i64,
    /// The instant whose state it has, by the store's clock; none before that is known.
    pub(crate) taken_ms: Option<i64>,
    /// The table's definition at that instant; not interpreted here.
    pub(crate) definition: serde_json::Value,
    /// What the crates above keep with it; not interpreted here.
    pub(crate) note: serde_json::Value,
    /// The table's partitions, in the order of the key axis.
    pub(crate) parts: Vec<BackupPart>,
    /// The numbers of tables that are being restored from it: if no record has one, what is under that number is
    /// half restored and belongs to nobody.
    pub(crate) restoring: Vec<TableId>,
}

/// Where a backup is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BackupStage {
    /// Its checkpoints are being made. A start undoes it.
    Making,
    /// It can be restored.
    Whole,
    /// It is gone for everybody; what it pinned is being let go. A start finishes that.
    Deleting,
}

/// One partition of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupPart {
    pub(crate) partition: PartitionId,
    /// The first key inside.
    pub(crate) start: HexKey,
    /// The first key outside; none for the end of the axis.
    pub(crate) end: Option<HexKey>,
    /// All writes up to this sequence number are in the checkpoint, and no others.
    pub(crate) seq: u64,
    /// The engine's name for the checkpoint; none before it is known. Several backups share one if nothing
    /// was written in between.
    pub(crate) checkpoint: Option<String>,
    /// The databases that the checkpoint's state borrows files from.
    pub(crate) lenders: Vec<DatabaseId>,
    /// How much it shows, by estimate.
    pub(crate) bytes: u64,
}

impl BackupPart {
    pub(crate) fn range(&self) -> KeyRange {
        KeyRange::new(self.start.0.clone(), self.end.as_ref().map(|end| end.0.clone()))
    }
}

impl BackupRecord {
    /// The database that a part is a checkpoint of.
    pub(crate) fn database(&self, part: &BackupPart) -> DatabaseId {
        DatabaseId { table: self.table, partition: part.partition }
    }

    /// All databases that must stay for it, some of them perhaps several times.
    pub(crate) fn databases(&self) -> impl Iterator<Item = DatabaseId> + '_ {
        self.parts.iter().flat_map(|part| {
            std::iter::once(self.database(part)).chain(part.lenders.iter().copied())
        })
    }

    /// What its checkpoints are called in the databases, so that they are found if the record does not say
    /// yet which they are.
    pub(crate) fn checkpoint_name(&self) -> String {
        checkpoint_name(self.id)
    }
}

/// What the checkpoints of the backup with this number are called.
pub(crate) fn checkpoint_name(id: BackupId) -> String {
    format!("backup {id}")
}

impl Record for BackupRecord {
    const KIND: &'static str = "foreshard.backup";
    const VERSION: u32 = 1;

    fn read(_version: u32, body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{decode, encode};
    use bytes::Bytes;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = HexKey> {
        prop::collection::vec(any::<u8>(), 0..12).prop_map(|bytes| HexKey(Bytes::from(bytes)))
    }

    fn database() -> impl Strategy<Value = DatabaseId> {
        (any::<u64>(), any::<u64>()).prop_map(|(table, partition)| DatabaseId {
            table: TableId(table),
            partition: PartitionId(partition),
        })
    }

    prop_compose! {
        fn part()(
            partition: u64, start in key(), end in prop::option::of(key()), seq: u64,
            checkpoint in prop::option::of("[0-9a-f-]{36}"),
            lenders in prop::collection::vec(database(), 0..3), bytes: u64,
        ) -> BackupPart {
            let partition = PartitionId(partition);
            BackupPart { partition, start, end, seq, checkpoint, lenders, bytes }
        }
    }

    prop_compose! {
        fn record()(
            id: u64, table: u64, table_name in "[a-z]{3,8}", stage in 0..3, begun_ms: i64,
            taken_ms in prop::option::of(any::<i64>()), note: String,
            parts in prop::collection::vec(part(), 0..4),
            restoring in prop::collection::vec(any::<u64>(), 0..3),
        ) -> BackupRecord {
            let stages = [BackupStage::Making, BackupStage::Whole, BackupStage::Deleting];
            BackupRecord {
                id: BackupId(id),
                table: TableId(table),
                table_name,
                stage: stages[stage as usize],
                begun_ms,
                taken_ms,
                definition: serde_json::json!({ "note": note }),
                note: serde_json::json!([note]),
                parts,
                restoring: restoring.into_iter().map(TableId).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(record in record(), nonce: u64) {
            let stored = encode(nonce, &record).unwrap();
            prop_assert_eq!(decode::<BackupRecord>("x", &stored).unwrap(), (nonce, record));
        }
    }

    #[test]
    fn version_1_opens() {
        let fixture = include_bytes!("../../fixtures/backup.v1");
        let (nonce, record) = decode::<BackupRecord>("fixture", fixture).unwrap();
        assert_eq!(nonce, 0x00c0_ffee);
        assert_eq!((record.id, record.stage), (BackupId(4), BackupStage::Whole));
        let databases: Vec<(u64, u64)> =
            record.databases().map(|database| (database.table.0, database.partition.0)).collect();
        assert_eq!(databases, [(3, 5), (3, 1), (2, 9)]);
        assert_eq!(record.parts[0].range(), KeyRange::full());
        assert_eq!(encode(nonce, &record).unwrap(), fixture[..], "what is written today");
    }
}
