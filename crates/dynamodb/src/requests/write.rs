//! A conditional change of one item: what PutItem, UpdateItem, DeleteItem and the parts of
//! BatchWriteItem come down to.
//!
//! `Write::decide` is the whole of their semantics as a function of the item that is there. The
//! server calls it under the item's latch and makes the change that it returns.

use crate::consumed::{ConsumedCapacity, ReturnConsumedCapacity, take_collection_metrics};
use crate::error::ApiError;
use crate::expression::{Condition, Update};
use crate::json::{self, ItemJson};
use crate::params::Params;
use crate::table::TableDefinition;
use bytes::Bytes;
use serde::Serialize;
use types::limits::{ITEM_BYTES_MAX, NESTING_DEPTH_MAX};
use types::{Item, PrimaryKey, Units, Value, capacity, storage_key};

/// A planned change of one item.
#[derive(Clone, Debug)]
pub struct Write {
    table_name: String,
    key: Bytes,
    primary_key: PrimaryKey,
    action: Action,
    condition: Option<Condition>,
    returns: WriteReturns,
}

/// What a write does if its condition holds.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Put(PutItem),
    Delete,
    Update {
        /// The item to begin with if there is none: its key.
        key: Item,
        update: Option<Update>,
    },
}

/// An item to store, encoded once.
#[derive(Clone, Debug)]
pub(crate) struct PutItem {
    pub(crate) encoded: Bytes,
    pub(crate) size_bytes: usize,
}

/// What a write should answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WriteReturns {
    pub(crate) values: ReturnValues,
    /// Whether a failed condition answers with the item it was judged on.
    pub(crate) item_on_failure: bool,
    pub(crate) capacity: ReturnConsumedCapacity,
}

/// Which attributes a write answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReturnValues {
    #[default]
    None,
    AllOld,
    UpdatedOld,
    AllNew,
    UpdatedNew,
}

/// What to do with the stored item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Store these bytes.
    Put(Bytes),
    /// Remove it.
    Delete,
    /// Leave it, or its absence, as it is.
    Keep,
}

/// What was decided.
#[derive(Clone, Debug)]
pub struct WriteOutcome {
    /// The change to make.
    pub change: Change,
    /// What the request costs, also if it was refused.
    pub units: Units,
    /// The size that was paid for: the larger of the item before and after.
    pub bytes: usize,
    /// Attributes to answer with, or the refusal.
    result: Result<Option<Item>, ApiError>,
}

impl WriteOutcome {
    /// The refusal, if the write was refused.
    pub fn error(&self) -> Option<&ApiError> {
        self.result.as_ref().err()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<ItemJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<ConsumedCapacity<'a>>,
}

impl WriteReturns {
    /// Takes the parameters about the answer.
    pub(crate) fn take(params: &mut Params) -> Result<Self, ApiError> {
        let values = params.choice(
            "ReturnValues",
            &[
                ("ALL_NEW", ReturnValues::AllNew),
                ("UPDATED_OLD", ReturnValues::UpdatedOld),
                ("ALL_OLD", ReturnValues::AllOld),
                ("NONE", ReturnValues::None),
                ("UPDATED_NEW", ReturnValues::UpdatedNew),
            ],
        )?;
        let on_failure = params
            .choice("ReturnValuesOnConditionCheckFailure", &[("ALL_OLD", true), ("NONE", false)])?;
        take_collection_metrics(params)?;
        Ok(Self {
            values: values.unwrap_or_default(),
            item_on_failure: on_failure.unwrap_or_default(),
            capacity: ReturnConsumedCapacity::take(params)?,
        })
    }

    /// PutItem and DeleteItem return the old item or nothing.
    pub(crate) fn only_old(self) -> Result<Self, ApiError> {
        match self.values {
            ReturnValues::None | ReturnValues::AllOld => Ok(self),
            _ => Err(ApiError::validation("ReturnValues can only be ALL_OLD or NONE")),
        }
    }
}

impl Write {
    pub(crate) fn new(
        table: &TableDefinition,
        primary_key: PrimaryKey,
        action: Action,
        condition: Option<Condition>,
        returns: WriteReturns,
    ) -> Self {
        let key = storage_key::encode(table.strategy, &primary_key);
        let table_name = table.name.clone();
        Self { table_name, key, primary_key, action, condition, returns }
    }

    /// The storage key of the item.
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// The primary key of the item.
    pub fn primary_key(&self) -> &PrimaryKey {
        &self.primary_key
    }

    /// Decides on stored bytes; bytes that are no item are an internal error and stay as they are.
    pub fn decide_stored(&self, existing: Option<&[u8]>) -> WriteOutcome {
        match existing.map(Item::decode).transpose() {
            Ok(existing) => self.decide(existing.as_ref()),
            Err(error) => {
                let result =
                    Err(ApiError::internal(format!("The stored item is unreadable: {error}")));
                WriteOutcome { change: Change::Keep, units: Units::write(1.0), bytes: 0, result }
            }
        }
    }

    /// What happens if `existing` is the item that is there.
    pub fn decide(&self, existing: Option<&Item>) -> WriteOutcome {
        let old_bytes = existing.map_or(0, Item::size_bytes);
        let paid = |bytes: usize, change, result| {
            let units = Units::write(capacity::write_units(bytes));
            WriteOutcome { change, units, bytes, result }
        };
        let nothing = Item::new();
        let holds = |condition: &Condition| condition.matches(existing.unwrap_or(&nothing));
        if !self.condition.as_ref().is_none_or(holds) {
            let item = existing.filter(|_| self.returns.item_on_failure).cloned();
            return paid(old_bytes, Change::Keep, Err(ApiError::condition_failed(item)));
        }
        let old = existing.filter(|_| self.returns.values == ReturnValues::AllOld).cloned();
        match &self.action {
            Action::Put(put) => {
                let change = Change::Put(put.encoded.clone());
                paid(old_bytes.max(put.size_bytes), change, Ok(old))
            }
            Action::Delete => {
                let change = if existing.is_some() { Change::Delete } else { Change::Keep };
                paid(old_bytes, change, Ok(old))
            }
            Action::Update { key, update } => match self.update(existing, key, update.as_ref()) {
                Ok((change, new_bytes, returned)) => {
                    paid(old_bytes.max(new_bytes), change, Ok(returned))
                }
                Err(error) => paid(old_bytes, Change::Keep, Err(error)),
            },
        }
    }

    /// The change, the new size, and the attributes to answer with.
    fn update(
        &self,
        existing: Option<&Item>,
        key: &Item,
        update: Option<&Update>,
    ) -> Result<(Change, usize, Option<Item>), ApiError> {
        let old = existing.unwrap_or(key);
        let updated = update.map(|update| update.apply(old)).transpose()?;
        // Taking away from an item that is not there does not create it.
        if existing.is_none() && update.is_some_and(Update::only_removes) {
            return Ok((Change::Keep, 0, None));
        }
        let (item, old_parts, new_parts) = match updated {
            Some(updated) => (updated.item, updated.old_parts, updated.new_parts),
            None => (old.clone(), Item::new(), Item::new()),
        };
        let size_bytes = item.size_bytes();
        if size_bytes > ITEM_BYTES_MAX {
            let message = "Item size to update has exceeded the maximum allowed size";
            return Err(ApiError::validation(message));
        }
        if item.0.values().map(Value::depth).max() > Some(NESTING_DEPTH_MAX) {
            return Err(json::too_deep());
        }
        let change = Change::Put(item.encode());
        let returned = match self.returns.values {
            ReturnValues::None => None,
            ReturnValues::AllOld => existing.cloned(),
            ReturnValues::UpdatedOld => existing.map(|_| old_parts),
            ReturnValues::AllNew => Some(item),
            ReturnValues::UpdatedNew => Some(new_parts),
        };
        Ok((change, size_bytes, returned.filter(|item| !item.0.is_empty())))
    }

    /// The response, once the change is durable; or the refusal.
    ///
    /// # Errors
    /// If the write was refused: a failed condition, an update that does not fit the item, ….
    pub fn respond(&self, outcome: WriteOutcome) -> Result<Vec<u8>, ApiError> {
        let returned = outcome.result?;
        Ok(json::to_body(&Response {
            attributes: returned.as_ref().map(ItemJson),
            consumed_capacity: self.returns.capacity.show(&self.table_name, outcome.units),
        }))
    }
}
