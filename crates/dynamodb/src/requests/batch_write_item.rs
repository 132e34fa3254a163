//! BatchWriteItem: up to 25 puts and deletes, each on its own.

use super::delete_item::plan_delete;
use super::put_item::{check_size, plan_put};
use super::write::{Write, WriteReturns};
use crate::consumed::{ConsumedCapacity, ReturnConsumedCapacity, take_collection_metrics};
use crate::error::ApiError;
use crate::json::{self, Body, ItemJson};
use crate::params::{self, Params};
use crate::table::TableDefinition;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashSet};
use types::{Item, Units};

/// Most puts and deletes in one request.
pub const BATCH_WRITES_MAX: usize = 25;

/// A BatchWriteItem request.
#[derive(Clone, Debug)]
pub struct BatchWriteItem {
    tables: Vec<TableWrites>,
    capacity: ReturnConsumedCapacity,
}

/// The part of a batch that is for one table.
#[derive(Clone, Debug)]
pub struct TableWrites {
    table_name: String,
    requests: Vec<Request>,
}

#[derive(Clone, Debug)]
enum Request {
    Put(Item),
    Delete(Item),
}

/// What became of one write of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BatchWriteResult {
    /// It is done, and cost this.
    Done(Units),
    /// It was turned away and is for the client to try again.
    Unprocessed,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    unprocessed_items: BTreeMap<&'a str, Vec<RequestJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Vec<ConsumedCapacity<'a>>>,
}

#[derive(Serialize)]
enum RequestJson<'a> {
    PutRequest {
        #[serde(rename = "Item")]
        item: ItemJson<'a>,
    },
    DeleteRequest {
        #[serde(rename = "Key")]
        key: ItemJson<'a>,
    },
}

impl BatchWriteItem {
    /// Reads and validates the request, without its tables.
    ///
    /// # Errors
    /// What DynamoDB refuses.
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
        take_collection_metrics(&mut params)?;
        let capacity = ReturnConsumedCapacity::take(&mut params)?;
        let mut tables = Vec::new();
        for (name, requests) in requested.unwrap_or_default() {
            let table_name = params.checked_table_name(&name, "requestItems");
            tables.push((table_name, list(&mut params, &name, requests)?));
        }
        params.finish_constraints()?;
        if tables.iter().map(|(_, requests)| requests.len()).sum::<usize>() > BATCH_WRITES_MAX {
            return Err(ApiError::validation(
                "Too many items requested for the BatchWriteItem call",
            ));
        }
        let tables = tables.into_iter().map(|(table_name, requests)| {
            let requests = requests.into_iter().map(request).collect::<Result<_, _>>()?;
            Ok(TableWrites { table_name, requests })
        });
        Ok(Self { tables: tables.collect::<Result<_, ApiError>>()?, capacity })
    }

    /// The parts of the batch, one for each table.
    pub fn tables(&self) -> &[TableWrites] {
        &self.tables
    }

    /// The response; `results` has a list for each of `tables`, in the order of its planned writes.
    pub fn respond(&self, results: &[Vec<BatchWriteResult>]) -> Vec<u8> {
        let mut unprocessed_items = BTreeMap::new();
        let mut consumed = Vec::new();
        for (table, results) in self.tables.iter().zip(results) {
            let mut units = Units::ZERO;
            let mut unprocessed = Vec::new();
            for (request, result) in table.requests.iter().zip(results) {
                match result {
                    BatchWriteResult::Done(paid) => units += *paid,
                    BatchWriteResult::Unprocessed => unprocessed.push(request.to_json()),
                }
            }
            if !unprocessed.is_empty() {
                unprocessed_items.insert(table.table_name.as_str(), unprocessed);
            }
            consumed.extend(self.capacity.show(&table.table_name, units));
        }
        let consumed_capacity = Some(consumed).filter(|consumed| !consumed.is_empty());
        json::to_body(&Response { unprocessed_items, consumed_capacity })
    }
}

fn list(params: &mut Params, table: &str, requests: Json) -> Result<Vec<Json>, ApiError> {
    let Json::Array(list) = requests else {
        return Err(ApiError::serialization("Unexpected field type"));
    };
    let path = format!("requestItems.{table}.member");
    if list.is_empty() {
        let rule = "Member must have length greater than or equal to 1";
        params.violation(Some("[]"), &path, rule);
    }
    if list.len() > BATCH_WRITES_MAX {
        let rule = format!("Member must have length less than or equal to {BATCH_WRITES_MAX}");
        params.violation(Some("[…]"), &path, &rule);
    }
    Ok(list)
}

fn request(json: Json) -> Result<Request, ApiError> {
    let mut members = Params::new(Body(params::object(json)?));
    let mut part = |request: &str, member: &str| -> Result<Option<Item>, ApiError> {
        let Some(inner) = members.object(request)? else {
            return Ok(None);
        };
        let mut inner = Params::new(Body(inner));
        let item = inner.item(member)?;
        if item.is_none() {
            inner.missing(&format!(
                "requestItems.member.{}.{}",
                params::member(request),
                params::member(member)
            ));
        }
        inner.finish_constraints()?;
        Ok(item)
    };
    let put = part("PutRequest", "Item")?;
    let delete = part("DeleteRequest", "Key")?;
    match (put, delete) {
        (Some(item), None) => {
            check_size(&item)?;
            Ok(Request::Put(item))
        }
        (None, Some(key)) => Ok(Request::Delete(key)),
        // DynamoDB's words, though this is no attribute value.
        _ => Err(ApiError::validation(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of \
             the supported datatypes",
        )),
    }
}

impl TableWrites {
    /// The table.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// The writes, in the order of the request.
    ///
    /// # Errors
    /// If an item or key does not fit the table, or two writes are of one item.
    pub fn plan(&self, table: &TableDefinition) -> Result<Vec<Write>, ApiError> {
        let plan = |request: &Request| match request {
            Request::Put(item) => plan_put(table, item, None, WriteReturns::default()),
            Request::Delete(key) => plan_delete(table, key, None, WriteReturns::default()),
        };
        let writes = self.requests.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        if !writes.iter().all(|write| seen.insert(write.key())) {
            return Err(ApiError::validation("Provided list of item keys contains duplicates"));
        }
        Ok(writes)
    }
}

impl Request {
    fn to_json(&self) -> RequestJson<'_> {
        match self {
            Self::Put(item) => RequestJson::PutRequest { item: ItemJson(item) },
            Self::Delete(key) => RequestJson::DeleteRequest { key: ItemJson(key) },
        }
    }
}
