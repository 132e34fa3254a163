//! Requests from JSON to JSON, against a store in memory that does with the plans and decisions
//! what the server does.

mod batches;
mod legacy;
mod pages;
mod robust;
mod writes;

use crate::*;
use bytes::Bytes;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A table with its items by storage key.
struct Store {
    table: TableDefinition,
    items: BTreeMap<Bytes, Bytes>,
}

impl Store {
    fn new() -> Self {
        Self { table: testing::table(), items: BTreeMap::new() }
    }

    /// Runs a request on the table; gives the response's or the error's body.
    fn run(&mut self, operation: Operation, mut request: Json) -> Json {
        if !matches!(operation, Operation::BatchGetItem | Operation::BatchWriteItem) {
            request["TableName"] = json!("things");
        }
        let body = testing::body(request);
        let response = match operation {
            Operation::PutItem => PutItem::parse(body)
                .and_then(|request| request.plan(&self.table))
                .and_then(|write| self.write(&write)),
            Operation::UpdateItem => UpdateItem::parse(body)
                .and_then(|request| request.plan(&self.table))
                .and_then(|write| self.write(&write)),
            Operation::DeleteItem => DeleteItem::parse(body)
                .and_then(|request| request.plan(&self.table))
                .and_then(|write| self.write(&write)),
            Operation::GetItem => GetItem::parse(body)
                .and_then(|request| request.plan(&self.table))
                .and_then(|read| {
                    let outcome = read.outcome(self.items.get(read.key()).map(Bytes::as_ref))?;
                    Ok(read.respond(&outcome))
                }),
            Operation::Query => Query::parse(body)
                .and_then(|request| request.plan(&self.table))
                .and_then(|plan| self.read_page(&plan)),
            Operation::Scan => Scan::parse(body)
                .and_then(|request| request.plan(&self.table))
                .and_then(|plan| self.read_page(&plan)),
            Operation::BatchWriteItem => self.batch_write(body),
            Operation::BatchGetItem => self.batch_get(body),
            other => panic!("{} is not on items", other.name()),
        };
        testing::parsed(&response.unwrap_or_else(|error| error.to_body()))
    }

    fn write(&mut self, write: &Write) -> Result<Vec<u8>, ApiError> {
        let outcome = self.decide(write);
        write.respond(outcome)
    }

    fn decide(&mut self, write: &Write) -> WriteOutcome {
        let outcome = write.decide_stored(self.items.get(write.key()).map(Bytes::as_ref));
        match &outcome.change {
            Change::Put(bytes) => {
                self.items.insert(write.key().clone(), bytes.clone());
            }
            Change::Delete => {
                self.items.remove(write.key());
            }
            Change::Keep => {}
        }
        outcome
    }

    fn read_page(&self, plan: &PagePlan) -> Result<Vec<u8>, ApiError> {
        let mut page = plan.page();
        let mut entries: Vec<_> =
            self.items.iter().filter(|(key, _)| plan.range().contains(key)).collect();
        if !plan.forward() {
            entries.reverse();
        }
        for (key, stored) in entries {
            if page.offer(key, stored)? == Offer::Full {
                break;
            }
        }
        page.respond()
    }

    /// Writes with a key that contains `busy` come back unprocessed.
    fn batch_write(&mut self, body: Body) -> Result<Vec<u8>, ApiError> {
        let batch = BatchWriteItem::parse(body)?;
        let mut results = Vec::new();
        for part in batch.tables() {
            let writes = part.plan(&self.table)?;
            let result = |write: &Write| match is_busy(write.key()) {
                true => BatchWriteResult::Unprocessed,
                false => BatchWriteResult::Done(self.decide(write).units),
            };
            results.push(writes.iter().map(result).collect());
        }
        Ok(batch.respond(&results))
    }

    /// Reads of a key that contains `busy` come back unprocessed.
    fn batch_get(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let batch = BatchGetItem::parse(body)?;
        let mut results = Vec::new();
        for part in batch.tables() {
            let reads = part.plan(&self.table)?;
            let result = |read: &Read| match is_busy(read.key()) {
                true => Ok(BatchReadResult::Unprocessed),
                false => read
                    .outcome(self.items.get(read.key()).map(Bytes::as_ref))
                    .map(BatchReadResult::Done),
            };
            results.push(reads.iter().map(result).collect::<Result<_, _>>()?);
        }
        Ok(batch.respond(&results))
    }
}

fn is_busy(key: &[u8]) -> bool {
    key.windows(4).any(|window| window == b"busy")
}

/// The key of an item of the table.
fn key(partition: &str, sort: i64) -> Json {
    json!({"p": {"S": partition}, "s": {"N": sort.to_string()}})
}

/// An item of the table with one more attribute.
fn thing(partition: &str, sort: i64, name: &str, value: Json) -> Json {
    let mut item = key(partition, sort);
    item[name] = value;
    item
}
