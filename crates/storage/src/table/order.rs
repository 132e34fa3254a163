//! A table in one of its key orders.
//!
//! A rekey gives every item another key, all at once. Whoever made keys before must not look them up
//! afterwards; so requests name the order of their keys, and are told
//! [`Rekeyed`](StorageError::Rekeyed) when it is not the table's any more.
//!
//! Scans go on in the order in which they began. For a while the partitions of before are kept for
//! that, and say which keys come next; what is stored under them is read from those that serve. So
//! such a scan shows each item as it is now, leaves out what was deleted, and what was added since the
//! change; it skips and repeats nothing.

use super::{Decision, Routes, Table};
use crate::error::{Result, StorageError};
use crate::map::PartitionMap;
use crate::partition::{Partition, Usage};
use crate::rekey::NewOrder;
use crate::scan::{Direction, Scan};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use types::KeyRange;

/// A table for callers whose keys are of one order.
#[derive(Clone, Debug)]
pub struct InOrder {
    table: Arc<Table>,
    order: u64,
}

/// The key order before the last change, as it was at that moment.
pub(crate) struct Previous {
    pub(crate) routes: Arc<Routes>,
    /// From its keys to those of today.
    pub(crate) to_current: Arc<dyn NewOrder>,
}

/// Where a scan reads the next keys.
pub(crate) struct Place {
    pub(crate) partition: Arc<Partition>,
    pub(crate) usage: Usage,
    /// Set if the partition is of an order that is no more.
    pub(crate) previous: Option<Arc<Previous>>,
}

impl Table {
    /// Which key order the table has: how often it has changed.
    pub fn order(&self) -> u64 {
        self.routes.load().order
    }

    /// When the key order was changed last, by the store's clock.
    pub fn rekeyed_ms(&self) -> Option<i64> {
        Some(self.rekeyed_ms.load(Ordering::SeqCst)).filter(|ms| *ms != i64::MIN)
    }

    /// How long scans that began before a change of the key order are served in the old one.
    pub fn rekey_grace_ms(&self) -> u64 {
        self.shared.settings.rekey_grace_ms
    }

    /// From when on the key order can be changed again, by the store's clock; nothing if now.
    pub fn rekey_again_ms(&self) -> Option<i64> {
        self.previous.load().as_ref()?;
        let grace_ms = i64::try_from(self.rekey_grace_ms()).unwrap_or(i64::MAX);
        Some(self.rekeyed_ms()?.saturating_add(grace_ms))
    }

    pub(crate) fn set_rekeyed_ms(&self, ms: i64) {
        self.rekeyed_ms.store(ms, Ordering::SeqCst);
    }

    /// The table for callers that make keys of this order, the current one or the one before.
    pub fn in_order(self: &Arc<Self>, order: u64) -> InOrder {
        InOrder { table: self.clone(), order }
    }

    /// Whether scans in this order, which is not the current one, are still served.
    pub fn serves_previous(&self, order: u64) -> bool {
        self.previous.load().as_ref().is_some_and(|previous| previous.routes.order == order)
    }

    /// Where a scan in `order` goes on.
    pub(crate) fn enter_scan(
        &self,
        order: u64,
        index: impl Fn(&PartitionMap) -> usize,
    ) -> Result<Place> {
        match self.enter_in(order, &index) {
            Ok((partition, usage)) => return Ok(Place { partition, usage, previous: None }),
            Err(StorageError::Rekeyed(_)) => {}
            Err(error) => return Err(error),
        }
        let rekeyed = || StorageError::Rekeyed(self.name.clone());
        let previous = self.previous.load_full();
        let previous = previous.filter(|p| p.routes.order == order).ok_or_else(rekeyed)?;
        let partition = previous.routes.partitions[index(&previous.routes.map)].clone();
        let usage = partition.enter().ok_or_else(rekeyed)?;
        Ok(Place { partition, usage, previous: Some(previous) })
    }

    /// What is stored now under what was `key` in the order before.
    pub(crate) async fn get_by_previous(
        &self,
        previous: &Previous,
        key: &[u8],
    ) -> Result<Option<Bytes>> {
        let wrong = |reason| StorageError::Corrupt {
            path: format!("a key of table {}", self.name),
            reason,
        };
        let key = previous.to_current.key(key).map_err(wrong)?;
        self.get_in(previous.routes.order + 1, &key).await
    }
}

impl InOrder {
    /// As [`Table::get`].
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.table.get_in(self.order, key).await
    }

    /// As [`Table::read_modify_write`].
    pub async fn read_modify_write<R: Send>(
        &self,
        key: &[u8],
        decide: impl FnOnce(Option<&Bytes>) -> Decision<R> + Send,
    ) -> Result<R> {
        self.table.read_modify_write_in(self.order, key, decide).await
    }

    /// As [`Table::scan`]; also in the order before the current one, while that is served.
    pub fn scan(&self, range: KeyRange, direction: Direction) -> Scan {
        Scan::new(self.table.clone(), self.order, range, direction)
    }
}
