//! `foreshard import`: a table from DynamoDB's export to S3 (`ExportTableToPointInTime`), DYNAMODB_JSON, into any
//! endpoint with the DynamoDB API.
//!
//! [`files`] reads the export, from a directory or a bucket; this writes its items in batches, several at once, and
//! sends again what was throttled. Importing twice gives the same table: items are put, not added.

mod files;

use crate::client::{ClientError, DynamoClient, Reply};
use crate::endpoint::Endpoint;
use bytes::Bytes;
use files::{Export, ExportError};
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Items in one request, as many as DynamoDB takes.
const BATCH_ITEMS_MAX: usize = 25;
/// Bytes in one request: less than the 16 MB that DynamoDB takes.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// Pauses before a request is sent again that was throttled or failed, and how often that is done.
const PAUSE_MS_MIN: u64 = 50;
const PAUSE_MS_MAX: u64 = 5_000;
const TRIES_MAX: u32 = 20;

/// What `foreshard import` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The export: a directory, or s3://bucket/prefix (gs://, az://), in which manifest-summary.json is
    source: String,
    /// The table to write into
    #[arg(long)]
    table: String,
    /// Make the table, with this partition key
    #[arg(long, value_name = "NAME:S|N|B", value_parser = key)]
    partition_key: Option<Key>,
    /// The sort key of the table that is made
    #[arg(long, value_name = "NAME:S|N|B", value_parser = key, requires = "partition_key")]
    sort_key: Option<Key>,
    /// Requests under way at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    #[command(flatten)]
    endpoint: Endpoint,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A key attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    name: String,
    kind: String,
}

/// Why an import ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The export cannot be read.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The endpoint refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It does so again and again.
    #[error("the endpoint did not take a batch in {TRIES_MAX} tries: {0}; run the import again")]
    GivenUp(String),
}

fn key(text: &str) -> Result<Key, String> {
    match text.rsplit_once(':') {
        Some((name, kind @ ("S" | "N" | "B"))) if !name.is_empty() => {
            Ok(Key { name: name.to_owned(), kind: kind.to_owned() })
        }
        _ => Err("write it as NAME:S, NAME:N or NAME:B".to_owned()),
    }
}

/// Reads the export and writes its items.
pub(crate) async fn run(args: Args) -> Result<(), ImportError> {
    let client = args.endpoint.client()?;
    let export = Export::open(&args.source).await?;
    if let Some(partition_key) = &args.partition_key {
        create_table(&client, &args.table, partition_key, args.sort_key.as_ref()).await?;
    }
    let bar = progress(&args, export.item_count());
    let mut items = 0;
    for file in export.files() {
        let lines = export.read(file).await?;
        let batches = batches(&lines.items);
        let writing = batches.into_iter().map(|batch| write(&client, &args.table, batch));
        let mut writing =
            futures::stream::iter(writing).buffer_unordered(usize::from(args.concurrency));
        while let Some(written) = writing.next().await {
            let written = written?;
            items += written;
            bar.inc(written);
        }
    }
    bar.finish_and_clear();
    let files = export.files().len();
    match args.json {
        true => println!("{}", json!({"table": args.table, "items": items, "files": files})),
        false => println!("{items} items of {files} files are in table {}", args.table),
    }
    Ok(())
}

fn progress(args: &Args, items: u64) -> ProgressBar {
    if args.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} items, {eta} left");
    ProgressBar::new(items).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn create_table(
    client: &DynamoClient,
    table: &str,
    partition_key: &Key,
    sort_key: Option<&Key>,
) -> Result<(), ClientError> {
    let keys: Vec<(&Key, &str)> =
        std::iter::once(partition_key).chain(sort_key).zip(["HASH", "RANGE"]).collect();
    let element = |(key, role): &(&Key, &str)| json!({"AttributeName": key.name, "KeyType": role});
    let attribute =
        |(key, _): &(&Key, &str)| json!({"AttributeName": key.name, "AttributeType": key.kind});
    let request = json!({
        "TableName": table,
        "KeySchema": keys.iter().map(element).collect::<Vec<_>>(),
        "AttributeDefinitions": keys.iter().map(attribute).collect::<Vec<_>>(),
        "BillingMode": "PAY_PER_REQUEST",
    });
    client.expect("CreateTable", &request).await?;
    for pause_ms in pauses_ms() {
        let described = client.expect("DescribeTable", &json!({"TableName": table})).await?;
        if described["Table"]["TableStatus"] == "ACTIVE" {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
    Err(ClientError::Connection(format!("table {table} does not become ACTIVE")))
}

/// Items in as few requests as they fit into.
fn batches(items: &[Value]) -> Vec<Vec<Value>> {
    let mut batches: Vec<Vec<Value>> = Vec::new();
    let mut bytes = usize::MAX;
    for item in items {
        let more = item.to_string().len();
        let full = batches.last().is_none_or(|batch| batch.len() == BATCH_ITEMS_MAX);
        if full || bytes.saturating_add(more) > BATCH_BYTES_MAX {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += more;
        if let Some(batch) = batches.last_mut() {
            batch.push(json!({"PutRequest": {"Item": item}}));
        }
    }
    batches
}

/// Writes a batch, what is left of it again and again.
async fn write(client: &DynamoClient, table: &str, batch: Vec<Value>) -> Result<u64, ImportError> {
    let items = batch.len() as u64;
    let mut left = Value::Array(batch);
    let mut problem = String::new();
    for pause_ms in pauses_ms() {
        let request = json!({"RequestItems": Map::from_iter([(table.to_owned(), left.clone())])});
        match client.call("BatchWriteItem", Bytes::from(request.to_string()), None).await {
            Ok(reply) if reply.is_ok() => {
                left = reply.json()?["UnprocessedItems"][table].take();
                if left.as_array().is_none_or(Vec::is_empty) {
                    return Ok(items);
                }
                problem = "it leaves items unprocessed".to_owned();
            }
            Ok(reply) if reply.is_throttled() || reply.status >= 500 => problem = words(&reply),
            Ok(reply) => {
                let refused = format!("BatchWriteItem was refused: {}", words(&reply));
                return Err(ClientError::Connection(refused).into());
            }
            Err(error) => problem = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
    Err(ImportError::GivenUp(problem))
}

fn words(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

/// How long to wait after each try.
fn pauses_ms() -> impl Iterator<Item = u64> {
    let doubled = std::iter::successors(Some(PAUSE_MS_MIN), |ms| Some((ms * 2).min(PAUSE_MS_MAX)));
    doubled.take(TRIES_MAX as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_by_items_and_bytes() {
        let small: Vec<Value> = (0..60).map(|n| json!({"pk": {"N": n.to_string()}})).collect();
        assert_eq!(batches(&small).iter().map(Vec::len).collect::<Vec<_>>(), [25, 25, 10]);
        let large: Vec<Value> =
            (0..30).map(|_| json!({"pk": {"S": "x".repeat(400_000)}})).collect();
        assert_eq!(batches(&large).iter().map(Vec::len).collect::<Vec<_>>(), [20, 10]);
        assert!(batches(&[]).is_empty());
    }

    #[test]
    fn keys_say_their_type() {
        assert_eq!(key("a:b:N"), Ok(Key { name: "a:b".to_owned(), kind: "N".to_owned() }));
        for wrong in ["", "pk", ":S", "pk:X"] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
    }
}
