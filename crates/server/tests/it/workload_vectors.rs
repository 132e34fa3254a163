//! Every data request leaves exactly one workload vector, with all its fields.

use http::StatusCode;
use serde_json::{Value, json};
use types::{KeyValue, PrimaryKey, Strategy, storage_key};
use workload::{Outcome, RequestType};

use crate::support::{START_MS, TestServer, table};

fn key(pk: &str, sk: u32) -> Value {
    json!({"pk": {"S": pk}, "sk": {"N": sk.to_string()}})
}

fn item(pk: &str, sk: u32, bytes: usize) -> Value {
    let mut item = key(pk, sk);
    item["text"] = json!({"S": "x".repeat(bytes)});
    item
}

#[tokio::test]
async fn a_vector_says_who_did_what_where_when_and_how_much() {
    let server = TestServer::start_with(|settings| settings.tables.partitions_initial = 4).await;
    server.table("things", true).await;
    let put = json!({"TableName": "things", "Item": item("a", 7, 3000)}).to_string();
    let agent = [("user-agent", "aws-sdk-rust/1.3 os/linux app/orders")];
    server.clock.advance_ms(1234);
    let reply = server.raw.operation_with("PutItem", put, &agent).await;
    assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);

    let [vector] = server.vectors()[..] else { panic!("one request, one vector") };
    let table = server.storage().table("things").unwrap();
    let primary =
        PrimaryKey { partition: KeyValue::S("a".into()), sort: Some(KeyValue::N(7.into())) };
    let stored_under = storage_key::encode(Strategy::Hash, &primary);
    let prefix = storage_key::partition_prefix(Strategy::Hash, &primary.partition);
    assert_eq!(vector.request, RequestType::Store);
    assert_eq!(vector.table, table.id());
    assert_eq!(vector.partition, table.partition_of(&stored_under));
    assert_eq!(vector.key_hash, storage_key::partition_hash(&primary.partition));
    assert_eq!(vector.storage_key.as_bytes(), &stored_under[..]);
    assert_eq!(vector.range_key.as_bytes(), &stored_under[prefix.len()..]);
    assert_eq!(vector.timestamp_ms, START_MS + 1234);
    assert_eq!(vector.outcome, Outcome::Served);
    assert!(vector.demand);
    assert_eq!((vector.read_units, vector.write_units), (0.0, 3.0));
    assert!((3000..3050).contains(&vector.data_bytes), "{}", vector.data_bytes);
    let client = server.components().clients.name(vector.client);
    assert_eq!(client.as_deref(), Some("AKIDRAW orders 127.0.0.1"));
    server.stop().await;
}

#[tokio::test]
async fn each_kind_of_request_leaves_the_vectors_it_should() {
    let server = TestServer::start().await;
    server.table("things", true).await;
    server.raw.must("DescribeTable", json!({"TableName": "things"})).await;
    server.raw.must("ListTables", json!({})).await;
    assert!(server.vectors().is_empty(), "requests about tables are no workload");

    let with = |mut members: Value| {
        members["TableName"] = json!("things");
        members
    };
    let values = json!({":a": {"S": "a"}});
    let puts: Vec<Value> =
        (1..=3).map(|sk| json!({"PutRequest": {"Item": item("b", sk, 10)}})).collect();
    let keys: Vec<Value> = (1..=4).map(|sk| key("b", sk)).collect();
    use RequestType::{Delete, Modify, Query, Retrieve, Scan, Segment, Store};
    for (operation, body, status, expected) in [
        ("PutItem", with(json!({"Item": item("a", 1, 10)})), 200, vec![Store]),
        ("GetItem", with(json!({"Key": key("a", 1)})), 200, vec![Retrieve]),
        ("GetItem", with(json!({"Key": key("a", 99)})), 200, vec![Retrieve]),
        (
            "UpdateItem",
            with(json!({"Key": key("a", 1), "UpdateExpression": "SET x = :a",
                        "ExpressionAttributeValues": values})),
            200,
            vec![Modify],
        ),
        (
            "PutItem",
            with(
                json!({"Item": item("a", 1, 10), "ConditionExpression": "attribute_not_exists(pk)"}),
            ),
            400,
            vec![Store],
        ),
        (
            "Query",
            with(json!({"KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": values})),
            200,
            vec![Query],
        ),
        ("Scan", with(json!({})), 200, vec![Scan]),
        ("Scan", with(json!({"Segment": 1, "TotalSegments": 2})), 200, vec![Segment]),
        ("BatchWriteItem", json!({"RequestItems": {"things": puts}}), 200, vec![Store; 3]),
        (
            "BatchGetItem",
            json!({"RequestItems": {"things": {"Keys": keys}}}),
            200,
            vec![Retrieve; 4],
        ),
        ("DeleteItem", with(json!({"Key": key("a", 1)})), 200, vec![Delete]),
        ("PutItem", with(json!({"Item": {"pk": {"S": "no sort key"}}})), 400, vec![]),
        ("GetItem", json!({"TableName": "nothing", "Key": key("a", 1)}), 400, vec![]),
    ] {
        let reply = server.raw.operation(operation, body.clone()).await;
        assert_eq!(reply.status.as_u16(), status, "{operation} {body}: {:?}", reply.body);
        let vectors = server.vectors();
        let kinds: Vec<_> = vectors.iter().map(|vector| vector.request).collect();
        assert_eq!(kinds, expected, "{operation} {body}");
        for vector in vectors {
            assert!(vector.demand && vector.outcome == Outcome::Served, "{vector:?}");
            assert_eq!(vector.read_units > 0.0, !vector.request.is_write());
            assert_eq!(vector.write_units > 0.0, vector.request.is_write());
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_throttled_invocation_is_demand_once_however_often_it_is_tried() {
    let server = TestServer::start_with(|settings| {
        settings.limits.write_units_per_s = 1.0;
        settings.limits.burst_s = 1.0;
    })
    .await;
    server.table("things", true).await;
    let put = json!({"TableName": "things", "Item": item("a", 1, 10)}).to_string();
    let attempt = async |invocation: &str, attempt: u32| {
        let number = format!("attempt={attempt}; max=3");
        let headers = [("amz-sdk-invocation-id", invocation), ("amz-sdk-request", &number)];
        server.raw.operation_with("PutItem", put.clone(), &headers).await.status.as_u16()
    };
    assert_eq!(attempt("first", 1).await, 200);
    assert_eq!(attempt("second", 1).await, 400);
    assert_eq!(attempt("second", 2).await, 400);
    server.clock.advance_ms(1000);
    assert_eq!(attempt("second", 3).await, 200);
    let seen: Vec<_> = server.vectors().iter().map(|v| (v.outcome, v.demand)).collect();
    use Outcome::{Served, Throttled};
    assert_eq!(seen, [(Served, true), (Throttled, true), (Throttled, false), (Served, false)]);
    server.stop().await;
}

#[tokio::test]
async fn a_throttled_request_counts_what_it_would_have_cost() {
    let server = TestServer::start_with(|settings| {
        settings.limits.read_units_per_s = 1.0;
        settings.limits.burst_s = 10.0;
    })
    .await;
    server.table("things", true).await;
    let put = json!({"TableName": "things", "Item": item("a", 1, 40_000)});
    server.raw.must("PutItem", put).await;
    server.vectors();
    let get = json!({"TableName": "things", "Key": key("a", 1), "ConsistentRead": true});
    server.raw.must("GetItem", get.clone()).await;
    assert_eq!(server.raw.operation("GetItem", get).await.status, StatusCode::BAD_REQUEST);
    let seen: Vec<_> = server.vectors().iter().map(|v| (v.outcome, v.read_units)).collect();
    assert_eq!(seen, [(Outcome::Served, 10.0), (Outcome::Throttled, 10.0)]);
    server.stop().await;
}

/// In hash order a query over a range of partition keys reads everything for what it is after; whether
/// another order would pay is told by the two.
#[tokio::test]
async fn a_query_over_partition_keys_says_what_it_was_after_and_what_it_took() {
    for strategy in ["hash", "range"] {
        let server = TestServer::start().await;
        let mut definition = table("things", true);
        definition["Tags"] = json!([
            {"Key": "foreshard:range-queries", "Value": "fan-out"},
            {"Key": "foreshard:strategy", "Value": strategy},
        ]);
        server.raw.must("CreateTable", definition).await;
        for n in 0..20 {
            let put = json!({"TableName": "things", "Item": item(&format!("k{n:02}"), 1, 4_000)});
            server.raw.must("PutItem", put).await;
        }
        server.vectors();
        let query = json!({
            "TableName": "things",
            "KeyConditionExpression": "pk BETWEEN :a AND :b",
            "ExpressionAttributeValues": {":a": {"S": "k03"}, ":b": {"S": "k04"}},
        });
        assert_eq!(server.raw.must("Query", query).await["Count"], 2);
        let [vector] = server.vectors()[..] else { panic!("one request, one vector") };
        assert_eq!(vector.request, RequestType::Range, "{strategy}");
        assert!((8_000..8_200).contains(&vector.data_bytes), "{strategy}: {}", vector.data_bytes);
        let all = if strategy == "hash" { 10.0 } else { 1.0 };
        assert_eq!(vector.read_units, all, "{strategy}");
        server.stop().await;
    }
}
