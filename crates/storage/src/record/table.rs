//! A table's record: its definition, its partition map, and the workflow that is under way.
//!
//! Key: `catalog/tables/<table name>/<version, 20 digits>`. Each change writes the next version, so
//! writing is a compare-and-set; older versions are removed later. The record outlives its table
//! as [`TableState::Dropped`], so that the versions of a name go on when it is used again.
//!
//! The record names every database that belongs to the table: those that serve
//! (`partitions`), those that a reslice or a rekey is making (`children`), and those that have been
//! replaced but may still lend files to their children (`retired`). `borrows` names databases of other
//! tables. A database that neither a table nor a backup names belongs to nobody and is removed at start.

use super::{DatabaseId, HexKey, Record};
use serde::{Deserialize, Serialize};
use types::{KeyRange, PartitionId, TableId};

/// Version 2: a table's key order may change. Records of version 1 are of tables whose never has. Version 3: a
/// table may have been restored, and then borrows from databases that are not its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableRecord {
    pub(crate) id: TableId,
    pub(crate) name: String,
    pub(crate) created_ms: i64,
    pub(crate) state: TableState,
    /// What the crates above keep with a table; not interpreted here.
    pub(crate) definition: serde_json::Value,
    /// Grows by one whenever `partitions` changes.
    pub(crate) epoch: u64,
    /// The number that the next partition gets. Only grows.
    pub(crate) next_partition: u64,
    /// In the order of the key axis.
    pub(crate) partitions: Vec<PartitionRecord>,
    /// The intent of a reslice that has not been published.
    pub(crate) reslice: Option<ResliceRecord>,
    /// Partitions that were replaced; their databases may still lend files to others.
    pub(crate) retired: Vec<RetiredRecord>,
    /// How often the key order has changed. Since version 2.
    #[serde(default)]
    pub(crate) order: u64,
    /// The change of the key order that is under way. Since version 2.
    #[serde(default)]
    pub(crate) rekey: Option<RekeyRecord>,
    /// When the key order was changed last. Since version 2.
    #[serde(default)]
    pub(crate) rekeyed_ms: Option<i64>,
    /// Databases of other tables that this one may still borrow files from: it was restored from a
    /// backup. Since version 3.
    #[serde(default)]
    pub(crate) borrows: Vec<DatabaseId>,
}

/// A change of the key order: `children` are filled with all items, under other keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RekeyRecord {
    /// What the crates above make of the table; not interpreted here.
    pub(crate) target: serde_json::Value,
    pub(crate) stage: RekeyStage,
    /// In the order of the new key axis.
    pub(crate) children: Vec<PartitionRecord>,
    /// How far each partition of the old order is copied; none for those that were not begun.
    pub(crate) copied: Vec<CopiedRecord>,
    pub(crate) started_ms: i64,
}

/// How far a change of the key order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RekeyStage {
    /// The children are being made.
    Making,
    /// The children are there and are being filled. A restart goes on with that.
    Copying,
    /// It was given up: the children are being deleted.
    Undoing,
}

/// How far a partition of the old order is copied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CopiedRecord {
    pub(crate) source: PartitionId,
    /// What is left begins here; none if nothing is.
    pub(crate) left: Option<HexKey>,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

/// Where a table is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TableState {
    /// Serves.
    Active,
    /// Is gone for everybody; its data are being deleted.
    Dropping,
    /// Nothing is left but this record.
    Dropped,
}

/// A partition and its database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartitionRecord {
    pub(crate) id: PartitionId,
    /// The first key inside.
    pub(crate) start: HexKey,
    /// The first key outside; none for the end of the axis.
    pub(crate) end: Option<HexKey>,
    pub(crate) created_ms: i64,
}

/// What a reslice is about to do: `sources` become `children`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResliceRecord {
    pub(crate) sources: Vec<PartitionId>,
    pub(crate) children: Vec<PartitionRecord>,
    pub(crate) started_ms: i64,
}

/// A partition that was replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetiredRecord {
    pub(crate) id: PartitionId,
    pub(crate) retired_ms: i64,
}

impl PartitionRecord {
    pub(crate) fn new(id: PartitionId, range: &KeyRange, created_ms: i64) -> Self {
        let start = HexKey(range.start.clone());
        Self { id, start, end: range.end.clone().map(HexKey), created_ms }
    }

    pub(crate) fn range(&self) -> KeyRange {
        KeyRange::new(self.start.0.clone(), self.end.as_ref().map(|end| end.0.clone()))
    }
}

impl TableRecord {
    /// Numbers `count` new partitions.
    pub(crate) fn take_partition_ids(&mut self, count: usize) -> Vec<PartitionId> {
        let first = self.next_partition;
        self.next_partition += count as u64;
        (first..self.next_partition).map(PartitionId).collect()
    }

    /// The partitions whose databases belong to this table, for whatever reason.
    pub(crate) fn databases(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.opened().chain(self.retired.iter().map(|retired| retired.id))
    }

    /// Everything that must stay for this table's sake, other tables' databases included.
    pub(crate) fn needs(&self) -> impl Iterator<Item = DatabaseId> + '_ {
        let own = self.databases().map(|partition| DatabaseId { table: self.id, partition });
        own.chain(self.borrows.iter().copied())
    }

    /// Those that serve or may do so one day; no other is ever opened again.
    pub(crate) fn opened(&self) -> impl Iterator<Item = PartitionId> + '_ {
        let reslice = self.reslice.iter().flat_map(|reslice| &reslice.children);
        let making = reslice.chain(self.rekey.iter().flat_map(|rekey| &rekey.children));
        self.partitions.iter().chain(making).map(|partition| partition.id)
    }
}

impl Record for TableRecord {
    const KIND: &'static str = "foreshard.table";
    const VERSION: u32 = 3;

    fn read(_version: u32, body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;
