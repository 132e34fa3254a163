//! How much each partition holds.
//!
//! An estimate for planning: files count by the part that a partition shows, versions that were
//! replaced count until a compaction removes them, and what is in memory counts as it was written.

use crate::engine::files::ShownFile;
use crate::error::Result;
use crate::partition::Partition;
use crate::table::Table;
use bytes::Bytes;
use parking_lot::Mutex;
use slatedb::manifest::SsTableId;
use std::collections::HashMap;
use types::{KeyRange, PartitionId};

/// What a partition holds, by estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionSize {
    /// The partition.
    pub id: PartitionId,
    /// Keys and values, in files and in memory.
    pub live_bytes: u64,
}

/// The bytes of files that are shown in part, which take a read to find out and never change.
#[derive(Debug, Default)]
pub(crate) struct KnownSizes(Mutex<HashMap<(SsTableId, KeyRange), u64>>);

impl Table {
    /// The estimated size of every partition, in the order of the map.
    pub async fn partition_sizes(&self) -> Result<Vec<PartitionSize>> {
        let mut sizes = Vec::new();
        let mut next = Some(Bytes::new());
        while let Some(start) = next {
            // By key, not by index: the map may change on the way.
            let (partition, _usage) = self.enter(|map| map.index_of(&start))?;
            let live_bytes = self.live_bytes(&partition).await?;
            sizes.push(PartitionSize { id: partition.id(), live_bytes });
            next = partition.info().range.end.clone();
        }
        Ok(sizes)
    }

    /// Of every partition, the share of the bound on bytes that are not in sorted files: at 1 its
    /// writers wait.
    pub fn backlogs(&self) -> Vec<(PartitionId, f64)> {
        let most = self.shared.settings.unflushed_bytes_max.max(1) as f64;
        let routes = self.routes();
        let share = |partition: &Partition| partition.unflushed_bytes() as f64 / most;
        routes.partitions.iter().map(|partition| (partition.id(), share(partition))).collect()
    }

    async fn live_bytes(&self, partition: &Partition) -> Result<u64> {
        let manifest = partition.db().manifest();
        let files = ShownFile::all(&manifest, partition.path());
        let mut known = HashMap::new();
        let mut live_bytes = partition.unflushed_bytes();
        for file in &files {
            let key = (file.id, file.shown.clone());
            let before = partition.sizes().0.lock().get(&key).copied();
            let bytes = match before {
                Some(bytes) => bytes,
                None => file.bytes(self.shared.directory.store()).await?,
            };
            live_bytes += bytes;
            if file.in_part {
                known.insert(key, bytes);
            }
        }
        *partition.sizes().0.lock() = known;
        Ok(live_bytes)
    }
}
