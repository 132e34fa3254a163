//! A page of a key range: what Query and Scan come down to.
//!
//! The server reads the planned range in order and offers every entry to the page until it is
//! full. A page ends after `Limit` items, or before the item that would exceed 1 MB, counting
//! items before they are filtered; then it names the last key, from which the next page goes on.

use super::gathering::Gathering;
use crate::consumed::{ConsumedCapacity, ReturnConsumedCapacity};
use crate::error::ApiError;
use crate::expression::{Condition, Projection};
use crate::json::{self, ItemJson};
use crate::table::TableDefinition;
use bytes::Bytes;
use serde::Serialize;
use types::{Item, KeyRange, KeySchema, PrimaryKey, Strategy, Units, capacity, storage_key};

/// Most bytes of items in one page, before the filter.
pub const PAGE_BYTES_MAX: usize = 1 << 20;

/// A planned page.
#[derive(Clone, Debug)]
pub struct PagePlan {
    pub(super) table_name: String,
    pub(super) key_schema: KeySchema,
    /// The order of `range` and of the keys that are offered.
    pub(super) strategy: Strategy,
    pub(super) range: KeyRange,
    pub(super) forward: bool,
    /// Whether the range goes over item collections, by a condition on the partition key.
    pub(super) over_collections: bool,
    /// The order that the table is in, if the whole of it is read and put into another.
    pub(super) fans_out: Option<Strategy>,
    pub(super) options: PageOptions,
}

/// What Query and Scan have in common.
#[derive(Clone, Debug)]
pub(super) struct PageOptions {
    pub(super) consistent: bool,
    pub(super) limit: Option<usize>,
    pub(super) filter: Option<Condition>,
    pub(super) projection: Option<Projection>,
    /// Whether the response has items, or just their number.
    pub(super) with_items: bool,
    pub(super) capacity: ReturnConsumedCapacity,
}

/// A page that is being filled.
#[derive(Debug)]
pub struct Page<'a> {
    plan: &'a PagePlan,
    items: Vec<Item>,
    count: usize,
    scanned: usize,
    bytes: usize,
    /// What was read and is not in the page.
    beside_bytes: usize,
    last_key: Option<Bytes>,
    full: bool,
    /// Entries beyond the limit, see [`Page::end_elsewhere`].
    more: usize,
    /// What the page was before each of its entries, if it may have to end elsewhere.
    trail: Option<Vec<Mark>>,
}

/// What a page was at one moment.
#[derive(Clone, Debug)]
struct Mark {
    items: usize,
    count: usize,
    bytes: usize,
    last_key: Option<Bytes>,
}

/// Whether a page takes more entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Offer {
    /// Offer the next one.
    More,
    /// Stop reading.
    Full,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<ItemJson<'a>>>,
    count: usize,
    scanned_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_evaluated_key: Option<ItemJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<ConsumedCapacity<'a>>,
}

impl PagePlan {
    pub(super) fn new(
        table: &TableDefinition,
        range: KeyRange,
        forward: bool,
        options: PageOptions,
    ) -> Self {
        Self {
            table_name: table.name.clone(),
            key_schema: table.key_schema.clone(),
            strategy: table.strategy,
            range,
            forward,
            over_collections: false,
            fans_out: None,
            options,
        }
    }

    /// The same for a table in hash order, of which everything has to be read.
    pub(super) fn fanning_out(self) -> Self {
        Self { fans_out: Some(self.strategy), strategy: Strategy::Range, ..self }
    }

    /// A fresh gathering of the page's entries, if the whole table has to be read for them.
    pub fn gathering(&self) -> Option<Gathering<'_>> {
        self.fans_out.map(|from| Gathering::new(self, from))
    }

    /// The storage keys to read, those before the start key left out.
    pub fn range(&self) -> &KeyRange {
        &self.range
    }

    /// Whether to read in rising order of keys, or falling.
    pub fn forward(&self) -> bool {
        self.forward
    }

    /// Whether a strongly consistent read was asked for.
    pub fn consistent(&self) -> bool {
        self.options.consistent
    }

    /// An empty page to fill.
    pub fn page(&self) -> Page<'_> {
        Page {
            plan: self,
            items: Vec::new(),
            count: 0,
            scanned: 0,
            bytes: 0,
            beside_bytes: 0,
            last_key: None,
            full: false,
            more: 0,
            trail: None,
        }
    }

    /// An empty page that can be made to end elsewhere than where it is full.
    pub fn movable_page(&self) -> Page<'_> {
        Page { trail: Some(Vec::new()), ..self.page() }
    }

    /// Whether the range is one of partition keys, not one of one item collection or a scan.
    pub fn is_range_query(&self) -> bool {
        self.over_collections
    }
}

fn decoded(order: Strategy, key: &Bytes) -> Result<PrimaryKey, ApiError> {
    storage_key::decode(order, key)
        .map_err(|error| ApiError::internal(format!("A stored key is unreadable: {error}")))
}

impl Page<'_> {
    /// Offers the next entry of the range, in order.
    ///
    /// # Errors
    /// If the bytes are no item.
    pub fn offer(&mut self, key: &Bytes, stored: &[u8]) -> Result<Offer, ApiError> {
        let item = Item::decode(stored).map_err(|error| {
            ApiError::internal(format!("The stored item is unreadable: {error}"))
        })?;
        let bytes = item.size_bytes();
        let too_large = self.scanned > 0 && self.bytes + bytes > PAGE_BYTES_MAX;
        if self.full || (too_large && self.more == 0) {
            self.full = true;
            return Ok(Offer::Full);
        }
        if let Some(trail) = &mut self.trail {
            trail.push(Mark {
                items: self.items.len(),
                count: self.count,
                bytes: self.bytes,
                last_key: self.last_key.clone(),
            });
        }
        self.scanned += 1;
        self.bytes += bytes;
        self.last_key = Some(key.clone());
        let options = &self.plan.options;
        if options.filter.as_ref().is_none_or(|filter| filter.matches(&item)) {
            self.count += 1;
            if options.with_items {
                self.items.push(match &options.projection {
                    Some(projection) => projection.apply(&item),
                    None => item,
                });
            }
        }
        self.full = options.limit.is_some_and(|limit| self.scanned >= limit + self.more);
        Ok(if self.full { Offer::Full } else { Offer::More })
    }

    /// Where the full page ends: the key from which the next one goes on.
    ///
    /// # Errors
    /// If it is no storage key of the table.
    pub fn end(&self) -> Result<Option<PrimaryKey>, ApiError> {
        let end = self.last_key.as_ref().filter(|_| self.full);
        end.map(|key| decoded(self.plan.strategy, key)).transpose()
    }

    /// Makes the full page end elsewhere, where `may_end` allows it: earlier, or, if there is no such
    /// place, later than its limit says; then it takes more. Only of a
    /// [movable](PagePlan::movable_page) page.
    ///
    /// # Errors
    /// If a key is no storage key of the table.
    pub fn end_elsewhere(
        &mut self,
        may_end: impl Fn(&PrimaryKey) -> bool,
    ) -> Result<Offer, ApiError> {
        let trail = self.trail.get_or_insert_default();
        for at in (1..trail.len()).rev() {
            let Some(key) = &trail[at].last_key else { continue };
            if may_end(&decoded(self.plan.strategy, key)?) {
                let Mark { items, count, bytes, last_key } = trail.swap_remove(at);
                self.items.truncate(items);
                (self.scanned, self.count, self.bytes, self.last_key) =
                    (at, count, bytes, last_key);
                return Ok(Offer::Full);
            }
        }
        self.full = false;
        self.more += 1;
        Ok(Offer::More)
    }

    /// Whether the entry that was offered last has found room.
    pub fn has_taken(&self, key: &Bytes) -> bool {
        self.last_key.as_ref() == Some(key)
    }

    /// Counts what was read to find the page's entries and is none of them.
    pub fn read_beside(&mut self, bytes: usize) {
        self.beside_bytes += bytes;
    }

    /// What the page costs so far.
    pub fn units(&self) -> Units {
        Units::read(capacity::read_units(self.bytes(), self.plan.options.consistent))
    }

    /// The size of the items read so far, before the filter.
    pub fn bytes(&self) -> usize {
        self.bytes + self.beside_bytes
    }

    /// The response.
    ///
    /// # Errors
    /// If the last key offered is no storage key of the table.
    pub fn respond(&self) -> Result<Vec<u8>, ApiError> {
        let PagePlan { table_name, key_schema, options, .. } = self.plan;
        let last_key = self.end()?.map(|key| key_schema.item_of(&key));
        Ok(json::to_body(&Response {
            items: options.with_items.then(|| self.items.iter().map(ItemJson).collect()),
            count: self.count,
            scanned_count: self.scanned,
            last_evaluated_key: last_key.as_ref().map(ItemJson),
            consumed_capacity: options.capacity.show(table_name, self.units()),
        }))
    }
}
