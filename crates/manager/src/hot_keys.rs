//! Single keys that ask for more than their partition has: what no boundary helps against.
//!
//! Admission finds them and throttles them alone, the planner says that it cannot divide them, and the
//! row cache answers their reads. What is left is to tell the operator which key and whose.

use crate::Manager;
use crate::shared::Shared;
use serde::Serialize;
use std::sync::Arc;
use types::{PartitionId, TableId, Units};

/// Tells which keys ask for much of what their partitions have.
pub type HotKeySource = Arc<dyn Fn() -> Vec<HotKeyReport> + Send + Sync>;

/// A hot key as admission sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct HotKeyReport {
    /// In which table.
    pub table: TableId,
    /// In which partition.
    pub partition: PartitionId,
    /// The hash of the partition key.
    pub key_hash: u64,
    /// Who asked for it last, if the name is known.
    pub client: Option<String>,
    /// What is asked of it, in units per second, refused requests included.
    pub demand: Units,
    /// How many requests for it were refused.
    pub refused: u64,
}

/// A hot key as the admin API shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HotKeyDocument {
    /// The table's name.
    pub table: String,
    /// Its partition.
    pub partition: PartitionId,
    /// The hash of the partition key, in hexadecimal: where storage keys in hash order begin.
    pub key: String,
    /// Who asked for it last.
    pub client: Option<String>,
    /// What is asked of it, in read units per second.
    pub read_units: f64,
    /// What is asked of it, in write units per second.
    pub write_units: f64,
    /// Its demand as a share of the partition's capacity: above 1 no boundary helps.
    pub capacity_share: f64,
    /// How many requests for it were refused.
    pub refused: u64,
}

impl Manager {
    /// Where hot keys can be asked for.
    pub fn set_hot_key_source(&self, source: HotKeySource) {
        *self.shared.hot_keys.write() = Some(source);
    }
}

/// The hot keys of one table or all, the hottest first.
pub(crate) fn documents(shared: &Shared, table: Option<&str>) -> Vec<HotKeyDocument> {
    let Some(source) = shared.hot_keys.read().clone() else { return Vec::new() };
    let snapshots = shared.snapshots.load();
    let document = |report: HotKeyReport| {
        let view = &snapshots.get(&report.table)?.view;
        let capacity = view.partitions.iter().find(|p| p.id == report.partition)?.capacity;
        Some(HotKeyDocument {
            table: view.name.clone(),
            partition: report.partition,
            key: format!("{:016x}", report.key_hash),
            client: report.client,
            read_units: report.demand.read,
            write_units: report.demand.write,
            capacity_share: planner::load::utilisation(report.demand, capacity),
            refused: report.refused,
        })
    };
    let mut found: Vec<HotKeyDocument> = source().into_iter().filter_map(document).collect();
    found.retain(|key| table.is_none_or(|name| key.table == name));
    found.sort_by(|a, b| b.capacity_share.total_cmp(&a.capacity_share));
    found
}
