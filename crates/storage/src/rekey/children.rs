//! The partitions of the new order while they are being filled: nobody else reads or writes them.

use super::NewOrder;
use crate::error::{Result, StorageError};
use crate::map::PartitionMap;
use crate::partition::Partition;
use crate::table::Routes;
use bytes::Bytes;
use futures::future::try_join_all;
use slatedb::WriteBatch;
use std::sync::Arc;
use types::TableId;

/// The new partitions and their map.
pub(super) struct Children {
    map: Arc<PartitionMap>,
    partitions: Vec<Arc<Partition>>,
    order: Arc<dyn NewOrder>,
}

/// Changes of the new order, not written yet.
pub(super) struct Changes<'a> {
    children: &'a Children,
    batches: Vec<(WriteBatch, u64)>,
}

impl Children {
    pub(super) fn new(
        table: TableId,
        partitions: Vec<Arc<Partition>>,
        order: &Arc<dyn NewOrder>,
    ) -> Self {
        let map = Routes::new(table, 0, 0, partitions.clone()).map;
        Self { map, partitions, order: order.clone() }
    }

    pub(super) fn changes(&self) -> Changes<'_> {
        let batches = self.partitions.iter().map(|_| (WriteBatch::new(), 0)).collect();
        Changes { children: self, batches }
    }
}

impl Changes<'_> {
    /// What is stored under `old` in the old order; nothing if there is no value.
    pub(super) fn set(&mut self, old: &Bytes, value: Option<Bytes>) -> Result<()> {
        let wrong = |reason| StorageError::Corrupt {
            path: format!("the key {}", old.escape_ascii()),
            reason,
        };
        let key = self.children.order.key(old).map_err(wrong)?;
        let (batch, bytes) = &mut self.batches[self.children.map.index_of(&key)];
        *bytes += key.len() as u64 + value.as_ref().map_or(0, |value| value.len() as u64);
        match value {
            Some(value) => batch.put_bytes(key, value),
            None => batch.delete(key),
        }
        Ok(())
    }

    /// Writes them, and waits until they are durable.
    pub(super) async fn write(self) -> Result<()> {
        let Self { children, batches } = self;
        let filled = children.partitions.iter().zip(batches);
        let writes = filled.filter(|(_, (batch, _))| !batch.is_empty());
        try_join_all(writes.map(|(child, (batch, bytes))| child.write_batch(batch, bytes))).await?;
        Ok(())
    }
}
