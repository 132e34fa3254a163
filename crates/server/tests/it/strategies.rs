//! The three orders of the key axis behind the same operations.

use http::StatusCode;
use serde_json::{Value, json};
use storage::Reslice;
use types::{KeyValue, PrimaryKey, Strategy, storage_key};

use crate::support::{TestServer, table};

const COLLECTIONS: usize = 5;
const PER_COLLECTION: usize = 20;

/// A table in the given order, with some item collections in it.
async fn filled(server: &TestServer, strategy: Strategy) {
    let mut definition = table("things", true);
    definition["Tags"] = json!([{"Key": "foreshard:strategy", "Value": strategy.as_str()}]);
    server.raw.must("CreateTable", definition).await;
    for n in 0..COLLECTIONS * PER_COLLECTION {
        let (pk, sk) = (format!("k{}", n % COLLECTIONS), n / COLLECTIONS);
        let item = json!({"pk": {"S": pk}, "sk": {"N": sk.to_string()}});
        server.raw.must("PutItem", json!({"TableName": "things", "Item": item})).await;
    }
}

/// Cuts the only partition at the middle of one item collection.
async fn cut_a_collection(server: &TestServer, strategy: Strategy) {
    let middle = PrimaryKey {
        partition: KeyValue::S("k2".into()),
        sort: Some(KeyValue::N((PER_COLLECTION as i64 / 2).into())),
    };
    let table = server.storage().table("things").unwrap();
    let sources = table.partition_map().partitions.iter().map(|info| info.id).collect();
    let boundaries = vec![storage_key::encode(strategy, &middle)];
    table.reslice(Reslice { sources, boundaries }).await.unwrap();
}

/// The partition and sort keys that a paged operation finds.
async fn found(server: &TestServer, operation: &str, mut body: Value) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    loop {
        let page = server.raw.must(operation, body.clone()).await;
        found.extend(page["Items"].as_array().unwrap().iter().map(|item| {
            let sk = item["sk"]["N"].as_str().unwrap().parse().unwrap();
            (item["pk"]["S"].as_str().unwrap().to_owned(), sk)
        }));
        match page.get("LastEvaluatedKey") {
            Some(key) => body["ExclusiveStartKey"] = key.clone(),
            None => return found,
        }
    }
}

async fn reads_find_everything_in_order(server: &TestServer, strategy: Strategy) {
    let whole = found(server, "Scan", json!({"TableName": "things", "Limit": 7})).await;
    let mut sorted = whole.clone();
    sorted.sort();
    let all =
        (0..COLLECTIONS).flat_map(|c| (0..PER_COLLECTION).map(move |sk| (format!("k{c}"), sk)));
    assert_eq!(sorted, all.collect::<Vec<_>>(), "{strategy}");
    assert_eq!(whole == sorted, strategy == Strategy::Range, "{strategy}");
    for forward in [true, false] {
        let query = json!({
            "TableName": "things",
            "KeyConditionExpression": "pk = :pk AND sk >= :from",
            "ExpressionAttributeValues": {":pk": {"S": "k2"}, ":from": {"N": "5"}},
            "ScanIndexForward": forward,
            "Limit": 4,
        });
        let mut some = found(server, "Query", query).await;
        if !forward {
            some.reverse();
        }
        let expected = (5..PER_COLLECTION).map(|sk| ("k2".to_owned(), sk));
        assert_eq!(some, expected.collect::<Vec<_>>(), "{strategy}, forward: {forward}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_find_everything_in_order_also_where_a_collection_is_cut() {
    for strategy in [Strategy::Hash, Strategy::Composite, Strategy::Range] {
        let server = TestServer::start().await;
        filled(&server, strategy).await;
        reads_find_everything_in_order(&server, strategy).await;
        if strategy != Strategy::Hash {
            cut_a_collection(&server, strategy).await;
            reads_find_everything_in_order(&server, strategy).await;
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_name_the_partition_key_in_every_order() {
    for strategy in [Strategy::Hash, Strategy::Composite, Strategy::Range] {
        let server = TestServer::start().await;
        filled(&server, strategy).await;
        server.vectors();
        let key = json!({"pk": {"S": "k2"}, "sk": {"N": "3"}});
        server.raw.must("GetItem", json!({"TableName": "things", "Key": key})).await;
        let query = json!({
            "TableName": "things",
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "k2"}},
        });
        server.raw.must("Query", query).await;
        let expected = storage_key::partition_hash(&KeyValue::S("k2".into()));
        let hashes: Vec<u64> = server.vectors().iter().map(|vector| vector.key_hash).collect();
        assert_eq!(hashes, [expected, expected], "{strategy}");
        server.stop().await;
    }
}

#[tokio::test]
async fn an_unknown_order_is_refused() {
    let server = TestServer::start().await;
    let mut definition = table("things", true);
    definition["Tags"] = json!([{"Key": "foreshard:strategy", "Value": "alphabetical"}]);
    let refused = server.raw.operation("CreateTable", definition).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.error(), "ValidationException");
    server.stop().await;
}
