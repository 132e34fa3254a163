//! BatchGetItem: up to 100 reads, each on its own.

use super::projections::RawProjection;
use super::read::{Read, ReadOutcome};
use crate::consumed::{ConsumedCapacity, ReturnConsumedCapacity};
use crate::error::ApiError;
use crate::expression::legacy::refuse_mixing;
use crate::expression::{Placeholders, Projection};
use crate::json::{self, Body, ItemJson};
use crate::params::{self, Params};
use crate::table::TableDefinition;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use types::{Item, Units};

/// Most keys in one request.
pub const BATCH_READS_MAX: usize = 100;
/// Most bytes of items in one response; keys beyond it come back unprocessed.
pub const BATCH_READ_BYTES_MAX: usize = 16 << 20;

/// A BatchGetItem request.
#[derive(Clone, Debug)]
pub struct BatchGetItem {
    tables: Vec<TableReads>,
    capacity: ReturnConsumedCapacity,
}

/// The part of a batch that is for one table.
#[derive(Clone, Debug)]
pub struct TableReads {
    table_name: String,
    keys: Vec<Item>,
    consistent: bool,
    projection: Option<Arc<Projection>>,
    /// Parameters that go back to the client with unprocessed keys.
    echoed: Map<String, Json>,
}

/// What became of one read of a batch.
#[derive(Clone, Debug)]
pub enum BatchReadResult {
    /// It is done.
    Done(ReadOutcome),
    /// It was turned away and is for the client to try again.
    Unprocessed,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    responses: BTreeMap<&'a str, Vec<ItemJson<'a>>>,
    unprocessed_keys: BTreeMap<&'a str, Unprocessed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Vec<ConsumedCapacity<'a>>>,
}

#[derive(Serialize)]
struct Unprocessed<'a> {
    #[serde(rename = "Keys")]
    keys: Vec<ItemJson<'a>>,
    #[serde(flatten)]
    echoed: &'a Map<String, Json>,
}

impl BatchGetItem {
    /// Reads and validates the request, without its tables.
    ///
    /// # Errors
    /// What DynamoDB refuses, and what this service does not support.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let requested = params.object("RequestItems")?;
        match &requested {
            None => params.missing("requestItems"),
            Some(tables) if tables.is_empty() => params.violation(
                Some("{}"),
                "requestItems",
                "Member must have length greater than or equal to 1",
            ),
            _ => {}
        }
        let capacity = ReturnConsumedCapacity::take(&mut params)?;
        params.finish_constraints()?;
        let tables = requested.unwrap_or_default().into_iter();
        let tables = tables.map(|(name, json)| TableReads::parse(&name, json));
        let tables = tables.collect::<Result<Vec<_>, _>>()?;
        if tables.iter().map(|table| table.keys.len()).sum::<usize>() > BATCH_READS_MAX {
            return Err(ApiError::validation("Too many items requested for the BatchGetItem call"));
        }
        Ok(Self { tables, capacity })
    }

    /// The parts of the batch, one for each table.
    pub fn tables(&self) -> &[TableReads] {
        &self.tables
    }

    /// The response; `results` has a list for each of `tables`, in the order of its planned reads.
    pub fn respond(&self, results: &[Vec<BatchReadResult>]) -> Vec<u8> {
        let mut responses = BTreeMap::new();
        let mut unprocessed_keys = BTreeMap::new();
        let mut consumed = Vec::new();
        let mut bytes = 0;
        for (table, results) in self.tables.iter().zip(results) {
            let mut units = Units::ZERO;
            let mut items = Vec::new();
            let mut keys = Vec::new();
            for (key, result) in table.keys.iter().zip(results) {
                match result {
                    BatchReadResult::Done(outcome)
                        if bytes + outcome.bytes <= BATCH_READ_BYTES_MAX =>
                    {
                        bytes += outcome.bytes;
                        units += outcome.units;
                        items.extend(outcome.item.as_ref().map(ItemJson));
                    }
                    _ => keys.push(ItemJson(key)),
                }
            }
            responses.insert(table.table_name.as_str(), items);
            if !keys.is_empty() {
                let unprocessed = Unprocessed { keys, echoed: &table.echoed };
                unprocessed_keys.insert(table.table_name.as_str(), unprocessed);
            }
            consumed.extend(self.capacity.show(&table.table_name, units));
        }
        let consumed_capacity = Some(consumed).filter(|consumed| !consumed.is_empty());
        json::to_body(&Response { responses, unprocessed_keys, consumed_capacity })
    }
}

impl TableReads {
    fn parse(name: &str, json: Json) -> Result<Self, ApiError> {
        let mut echoed = params::object(json)?;
        let mut params = Params::new(Body(echoed.clone()));
        echoed.remove("Keys");
        let table_name = params.checked_table_name(name, "requestItems");
        let keys = params.list("Keys")?;
        let path = format!("requestItems.{name}.member.keys");
        match &keys {
            None => params.missing(&path),
            Some(keys) if keys.is_empty() => {
                let rule = "Member must have length greater than or equal to 1";
                params.violation(Some("[]"), &path, rule);
            }
            Some(keys) if keys.len() > BATCH_READS_MAX => {
                let rule =
                    format!("Member must have length less than or equal to {BATCH_READS_MAX}");
                params.violation(Some("[…]"), &path, &rule);
            }
            Some(_) => {}
        }
        let consistent = params.boolean("ConsistentRead")?.unwrap_or_default();
        let path = format!("requestItems.{name}.member.attributesToGet");
        let projection = RawProjection::take(&mut params, &path)?;
        params.finish_constraints()?;
        let expressions = [projection.expression()];
        refuse_mixing(&[projection.legacy()], &expressions)?;
        let mut placeholders = Placeholders::take(&mut params, &expressions)?;
        let projection = projection.parse(&mut placeholders)?;
        placeholders.finish()?;
        let key = |json| json::decode_item(params::object(json)?);
        let keys = keys.unwrap_or_default().into_iter().map(key).collect::<Result<_, _>>()?;
        Ok(Self { table_name, keys, consistent, projection: projection.map(Arc::new), echoed })
    }

    /// The table.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// The reads, in the order of the request.
    ///
    /// # Errors
    /// If a key does not fit the table, or comes twice.
    pub fn plan(&self, table: &TableDefinition) -> Result<Vec<Read>, ApiError> {
        let read = |key| {
            let projection = self.projection.clone();
            Read::new(table, key, self.consistent, projection, ReturnConsumedCapacity::None)
        };
        let reads = self.keys.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        if !reads.iter().all(|read| seen.insert(read.key())) {
            return Err(ApiError::validation("Provided list of item keys contains duplicates"));
        }
        Ok(reads)
    }
}
