//! A read of one item: what GetItem and the parts of BatchGetItem come down to.

use crate::consumed::{ConsumedCapacity, ReturnConsumedCapacity};
use crate::error::ApiError;
use crate::expression::Projection;
use crate::json::{self, ItemJson};
use crate::keys;
use crate::table::TableDefinition;
use bytes::Bytes;
use serde::Serialize;
use std::sync::Arc;
use types::{Item, PrimaryKey, Units, capacity, storage_key};

/// A planned read of one item.
#[derive(Clone, Debug)]
pub struct Read {
    table_name: String,
    key: Bytes,
    primary_key: PrimaryKey,
    consistent: bool,
    projection: Option<Arc<Projection>>,
    capacity: ReturnConsumedCapacity,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct ReadOutcome {
    /// What the read costs.
    pub units: Units,
    /// The size of the item; 0 if there is none.
    pub bytes: usize,
    /// What to answer with, cut to the projection.
    pub(super) item: Option<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<ItemJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<ConsumedCapacity<'a>>,
}

impl Read {
    pub(super) fn new(
        table: &TableDefinition,
        key: &Item,
        consistent: bool,
        projection: Option<Arc<Projection>>,
        capacity: ReturnConsumedCapacity,
    ) -> Result<Self, ApiError> {
        let primary_key = keys::of_key(&table.key_schema, key)?;
        super::check_key_paths(table, projection.iter().flat_map(|paths| paths.paths()))?;
        Ok(Self {
            table_name: table.name.clone(),
            key: storage_key::encode(table.strategy, &primary_key),
            primary_key,
            consistent,
            projection,
            capacity,
        })
    }

    /// The storage key of the item.
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// The primary key of the item.
    pub fn primary_key(&self) -> &PrimaryKey {
        &self.primary_key
    }

    /// Whether a strongly consistent read was asked for.
    pub fn consistent(&self) -> bool {
        self.consistent
    }

    /// What the stored bytes are to this read.
    ///
    /// # Errors
    /// If the bytes are no item.
    pub fn outcome(&self, stored: Option<&[u8]>) -> Result<ReadOutcome, ApiError> {
        let item = stored.map(Item::decode).transpose().map_err(|error| {
            ApiError::internal(format!("The stored item is unreadable: {error}"))
        })?;
        let bytes = item.as_ref().map_or(0, Item::size_bytes);
        let units = Units::read(capacity::read_units(bytes, self.consistent));
        let item = match &self.projection {
            Some(projection) => item.map(|item| projection.apply(&item)),
            None => item,
        };
        Ok(ReadOutcome { units, bytes, item })
    }

    /// The response.
    pub fn respond(&self, outcome: &ReadOutcome) -> Vec<u8> {
        json::to_body(&Response {
            item: outcome.item.as_ref().map(ItemJson),
            consumed_capacity: self.capacity.show(&self.table_name, outcome.units),
        })
    }
}
