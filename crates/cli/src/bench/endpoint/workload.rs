//! The table `bench` works on, and the requests it sends.
//!
//! Item n lives in item collection n / 100 under sort key n % 100, so that one table serves point
//! requests and queries alike. Keys are chosen uniformly: `bench` measures an endpoint, it does not
//! make hot spots (the simulator does).

use super::{EndpointBenchError, Workload};
use crate::client::{ClientError, DynamoClient};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

/// Items per item collection: what one `query` returns.
const COLLECTION_ITEMS: u64 = 100;
/// Items in one BatchWriteItem: DynamoDB's own limit.
const BATCH_ITEMS: u64 = 25;
/// Tries for one batch before loading gives up on a throttling endpoint.
const BATCH_ATTEMPTS_MAX: u32 = 12;

/// Which items there are.
#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    table: String,
    items: u64,
    payload: String,
}

impl Dataset {
    /// `items` items of `item_bytes` bytes in `table`.
    pub(crate) fn new(table: String, items: u64, item_bytes: u32) -> Self {
        // pk (2 + 12) + sk (2 + about 2) + the payload's name (1).
        let payload = "x".repeat((item_bytes as usize).saturating_sub(19));
        Self { table, items, payload }
    }

    /// Makes the table unless it is there; returns whether it was made.
    pub(crate) async fn create_table(&self, client: &DynamoClient) -> Result<bool, ClientError> {
        let describe = json!({ "TableName": self.table });
        if client.call("DescribeTable", body(&describe), None).await?.is_ok() {
            return Ok(false);
        }
        let create = json!({
            "TableName": self.table,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "sk", "AttributeType": "N" }
            ],
            "KeySchema": [
                { "AttributeName": "pk", "KeyType": "HASH" },
                { "AttributeName": "sk", "KeyType": "RANGE" }
            ]
        });
        client.expect("CreateTable", &create).await?;
        loop {
            let described = client.expect("DescribeTable", &describe).await?;
            if described["Table"]["TableStatus"] == "ACTIVE" {
                return Ok(true);
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    /// Removes the table.
    pub(crate) async fn delete_table(&self, client: &DynamoClient) -> Result<(), ClientError> {
        client.expect("DeleteTable", &json!({ "TableName": self.table })).await.map(drop)
    }

    /// Writes every item once.
    pub(crate) async fn load(
        &self,
        client: &DynamoClient,
        connections: u32,
        show_progress: bool,
    ) -> Result<(), EndpointBenchError> {
        let progress = if show_progress { bar(self.items) } else { ProgressBar::hidden() };
        stream::iter((0..self.items).step_by(BATCH_ITEMS as usize))
            .map(|first| self.load_batch(client, first, &progress))
            .buffer_unordered(connections as usize)
            .try_collect::<()>()
            .await?;
        progress.finish_and_clear();
        Ok(())
    }

    async fn load_batch(
        &self,
        client: &DynamoClient,
        first: u64,
        progress: &ProgressBar,
    ) -> Result<(), EndpointBenchError> {
        let numbers = first..(first + BATCH_ITEMS).min(self.items);
        let count = numbers.end - numbers.start;
        let puts: Vec<_> =
            numbers.map(|n| json!({ "PutRequest": { "Item": self.item(n) } })).collect();
        let mut pending = json!({ &self.table: puts });
        for attempt in 0..BATCH_ATTEMPTS_MAX {
            let request = json!({ "RequestItems": pending });
            let reply = client.call("BatchWriteItem", body(&request), None).await?;
            if reply.is_ok() {
                let unprocessed = reply.json()?["UnprocessedItems"].take();
                if unprocessed.as_object().is_none_or(|tables| tables.is_empty()) {
                    progress.inc(count);
                    return Ok(());
                }
                pending = unprocessed;
            } else if !reply.is_throttled() {
                let words = String::from_utf8_lossy(&reply.body).into_owned();
                return Err(ClientError::Connection(format!("loading was refused: {words}")).into());
            }
            tokio::time::sleep(std::time::Duration::from_millis(25 << attempt.min(7))).await;
        }
        Err(ClientError::Connection(format!(
            "loading gave up: still throttled after {BATCH_ATTEMPTS_MAX} tries of one batch"
        ))
        .into())
    }

    fn item(&self, n: u64) -> serde_json::Value {
        let mut item = self.key(n);
        item["v"] = json!({ "S": self.payload });
        item
    }

    fn key(&self, n: u64) -> serde_json::Value {
        json!({
            "pk": { "S": self.collection(n) },
            "sk": { "N": (n % COLLECTION_ITEMS).to_string() }
        })
    }

    fn collection(&self, n: u64) -> String {
        format!("c{:011}", n / COLLECTION_ITEMS)
    }
}

/// The endless sequence of requests of one connection.
#[derive(Debug)]
pub(crate) struct Requests {
    dataset: Dataset,
    workload: Workload,
    random: StdRng,
}

impl Requests {
    /// Requests chosen by `seed`.
    pub(crate) fn new(dataset: Dataset, workload: Workload, seed: u64) -> Self {
        Self { dataset, workload, random: StdRng::seed_from_u64(seed) }
    }

    /// The next operation and its body.
    pub(crate) fn next(&mut self) -> (&'static str, Bytes) {
        let n = self.random.random_range(0..self.dataset.items);
        match self.workload {
            Workload::Put => self.put(n),
            Workload::Get => self.get(n),
            Workload::Query => self.query(n),
            Workload::Mixed if self.random.random_ratio(1, 5) => self.put(n),
            Workload::Mixed => self.get(n),
        }
    }

    fn put(&self, n: u64) -> (&'static str, Bytes) {
        let request = json!({ "TableName": self.dataset.table, "Item": self.dataset.item(n) });
        ("PutItem", body(&request))
    }

    fn get(&self, n: u64) -> (&'static str, Bytes) {
        let request = json!({
            "TableName": self.dataset.table,
            "Key": self.dataset.key(n),
            "ConsistentRead": true
        });
        ("GetItem", body(&request))
    }

    fn query(&self, n: u64) -> (&'static str, Bytes) {
        let request = json!({
            "TableName": self.dataset.table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": self.dataset.collection(n) } }
        });
        ("Query", body(&request))
    }
}

fn body(request: &serde_json::Value) -> Bytes {
    Bytes::from(request.to_string())
}

fn bar(items: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  loading {bar:40} {pos}/{len} items, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(items).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let dataset = Dataset::new("t".into(), 1_000, 400);
        let sequence = |seed| {
            let mut requests = Requests::new(dataset.clone(), Workload::Mixed, seed);
            (0..100).map(|_| requests.next()).collect::<Vec<_>>()
        };
        assert_eq!(sequence(7), sequence(7));
        assert_ne!(sequence(7), sequence(8));
    }

    #[test]
    fn an_item_has_the_size_that_was_asked_for() {
        let item = Dataset::new("t".into(), 1_000, 400).item(123);
        let bytes = |name: &str, tag: &str| item[name][tag].as_str().unwrap().len();
        // A two-digit number takes two bytes as DynamoDB counts them.
        let size =
            ("pk".len() + bytes("pk", "S")) + ("sk".len() + 2) + ("v".len() + bytes("v", "S"));
        assert_eq!(size, 400 - 19 + 19);
    }
}
