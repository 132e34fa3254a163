//! A page of a query that fans out: a range of partition keys in a table that is in hash order.
//!
//! No order of the table answers it, so every entry of the table is offered, in any order; kept are
//! the first ones of the page in range order, no more than a page takes. What is kept is bounded by
//! the page, what is read is the table, and the query pays for it.

use super::page::{PAGE_BYTES_MAX, PagePlan};
use crate::error::ApiError;
use bytes::Bytes;
use std::collections::BTreeMap;
use types::{Item, Strategy, storage_key};

/// The entries of a page, being looked for.
#[derive(Debug)]
pub struct Gathering<'a> {
    plan: &'a PagePlan,
    /// The order in which the table has its keys.
    from: Strategy,
    /// By key in range order, with the size of the item.
    kept: BTreeMap<Bytes, (Bytes, usize)>,
    kept_bytes: usize,
    read_bytes: usize,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(plan: &'a PagePlan, from: Strategy) -> Self {
        Self { plan, from, kept: BTreeMap::new(), kept_bytes: 0, read_bytes: 0 }
    }

    /// Offers an entry of the table.
    ///
    /// # Errors
    /// If the key is no storage key, or the value no item.
    pub fn offer(&mut self, key: &[u8], stored: Bytes) -> Result<(), ApiError> {
        let unreadable = |error: types::Error| {
            ApiError::internal(format!("A stored item is unreadable: {error}"))
        };
        let key = storage_key::decode(self.from, key).map_err(unreadable)?;
        let size_bytes = Item::decode(&stored).map_err(unreadable)?.size_bytes();
        self.read_bytes += size_bytes;
        let key = storage_key::encode(self.plan.strategy, &key);
        if self.plan.range.contains(&key) {
            self.kept_bytes += size_bytes;
            self.kept.insert(key, (stored, size_bytes));
            while let Some(bytes) = self.superfluous() {
                self.kept_bytes -= bytes;
                match self.plan.forward {
                    true => self.kept.pop_last(),
                    false => self.kept.pop_first(),
                };
            }
        }
        Ok(())
    }

    /// The size of the entry furthest behind, if the page is full without it: it is kept as long as the
    /// page needs it to see that it is full.
    fn superfluous(&self) -> Option<usize> {
        let furthest = match self.plan.forward {
            true => self.kept.last_key_value(),
            false => self.kept.first_key_value(),
        };
        let (_, (_, bytes)) = furthest?;
        let limit = self.plan.options.limit.unwrap_or(usize::MAX);
        let full = self.kept.len() > limit || self.kept_bytes - bytes > PAGE_BYTES_MAX;
        full.then_some(*bytes)
    }

    /// The size of all items that were offered.
    pub fn read_bytes(&self) -> usize {
        self.read_bytes
    }

    /// The page's entries in its order, to be offered to it.
    pub fn into_entries(self) -> impl Iterator<Item = (Bytes, Bytes)> {
        let forward = self.plan.forward;
        let mut entries: Vec<(Bytes, Bytes)> =
            self.kept.into_iter().map(|(key, (stored, _))| (key, stored)).collect();
        if !forward {
            entries.reverse();
        }
        entries.into_iter()
    }
}
