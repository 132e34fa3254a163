//! Throttling as clients see it, on a clock that the test moves.

use aws_sdk_dynamodb::types::AttributeValue;
use dynamodb::Operation;
use http::StatusCode;
use serde_json::{Value, json};
use server::{LimitMode, ServerSettings};
use storage::Reslice;
use types::storage_key;

use crate::http_client::Reply;
use crate::sdk_client::client;
use crate::support::{TestServer, table};

const WRITE_UNITS_PER_S: f64 = 5.0;
const READ_UNITS_PER_S: f64 = 4.0;
const BURST_S: f64 = 2.0;
/// What a full bucket holds.
const WRITES: usize = (WRITE_UNITS_PER_S * BURST_S) as usize;

fn limit(settings: &mut ServerSettings) {
    settings.limits.write_units_per_s = WRITE_UNITS_PER_S;
    settings.limits.read_units_per_s = READ_UNITS_PER_S;
    settings.limits.burst_s = BURST_S;
}

/// A table whose throttling errors are those of provisioned tables.
async fn provisioned_table(server: &TestServer) {
    let mut definition = table("things", false);
    definition["BillingMode"] = json!("PROVISIONED");
    definition["ProvisionedThroughput"] = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1});
    server.raw.must("CreateTable", definition).await;
}

async fn put(server: &TestServer, key: &str) -> Reply {
    let item = json!({"pk": {"S": key}});
    server.raw.operation("PutItem", json!({"TableName": "things", "Item": item})).await
}

/// Writes until it is throttled; how many writes passed.
async fn exhaust(server: &TestServer) -> usize {
    for passed in 0.. {
        match put(server, "k").await.status {
            StatusCode::OK => assert!(passed < 1000, "never throttled"),
            _ => return passed,
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_hot_partition_throttles_with_its_reason_and_recovers_with_the_clock() {
    let server = TestServer::start_with(limit).await;
    provisioned_table(&server).await;
    assert_eq!(exhaust(&server).await, WRITES);
    let refused = put(&server, "k").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.error(), "ProvisionedThroughputExceededException");
    let reason = &refused.json()["ThrottlingReasons"][0];
    assert_eq!(reason["reason"], "TableWriteKeyRangeThroughputExceeded");
    assert_eq!(reason["resource"], "arn:aws:dynamodb:us-east-1:000000000000:table/things");

    server.clock.advance_ms(1000);
    assert_eq!(exhaust(&server).await, WRITE_UNITS_PER_S as usize);
    let counted = server.handle.metrics().operation(Operation::PutItem);
    assert_eq!((counted.throttled, counted.client_errors), (3, 0));

    // Reads have a bucket of their own: 8 units, half of one for each eventually consistent read.
    let get = json!({"TableName": "things", "Key": {"pk": {"S": "k"}}});
    for _ in 0..16 {
        server.raw.must("GetItem", get.clone()).await;
    }
    let refused = server.raw.operation("GetItem", get).await;
    let reason = &refused.json()["ThrottlingReasons"][0]["reason"];
    assert_eq!(reason, "TableReadKeyRangeThroughputExceeded");
    server.stop().await;
}

#[tokio::test]
async fn a_large_write_is_paid_in_full() {
    let server = TestServer::start_with(limit).await;
    provisioned_table(&server).await;
    let item = json!({"pk": {"S": "large"}, "text": {"S": "x".repeat(20 * 1024)}});
    let stored = server.raw.must(
        "PutItem",
        json!({
            "TableName": "things", "Item": item, "ReturnConsumedCapacity": "TOTAL",
        }),
    );
    assert_eq!(stored.await["ConsumedCapacity"]["CapacityUnits"], 21.0);
    // 10 units less 21: three seconds later the level is above zero again.
    for (advance_ms, status) in [(0, 400), (2000, 400), (300, 200)] {
        server.clock.advance_ms(advance_ms);
        assert_eq!(put(&server, "small").await.status.as_u16(), status, "{advance_ms}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_retries_until_there_is_capacity() {
    let server = TestServer::start_with(limit).await;
    provisioned_table(&server).await;
    exhaust(&server).await;
    let before = server.handle.metrics().operation(Operation::PutItem).throttled;
    let impatient = client(server.addr(), 1);
    let put = |client: &aws_sdk_dynamodb::Client| {
        client.put_item().table_name("things").item("pk", AttributeValue::S("k".into())).send()
    };
    let refused = put(&impatient).await.unwrap_err().into_service_error();
    assert!(refused.is_provisioned_throughput_exceeded_exception(), "{refused:?}");

    let patient = client(server.addr(), 10);
    let refill = async {
        let throttled = || server.handle.metrics().operation(Operation::PutItem).throttled;
        while throttled() < before + 3 {
            tokio::task::yield_now().await;
        }
        server.clock.advance_ms(1000);
    };
    let (stored, ()) = tokio::join!(put(&patient), refill);
    stored.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_batch_hands_back_what_was_throttled() {
    let server = TestServer::start_with(limit).await;
    provisioned_table(&server).await;
    let requests: Vec<Value> =
        (0..25).map(|n| json!({"PutRequest": {"Item": {"pk": {"S": format!("k{n}")}}}})).collect();
    let batch = json!({"RequestItems": {"things": requests}});
    let reply = server.raw.must("BatchWriteItem", batch.clone()).await;
    let unprocessed = reply["UnprocessedItems"]["things"].as_array().unwrap();
    assert_eq!(unprocessed.len(), 25 - WRITES);
    assert!(unprocessed.iter().all(|request| requests.contains(request)), "{unprocessed:?}");
    let refused = server.raw.operation("BatchWriteItem", batch).await;
    assert_eq!(refused.error(), "ProvisionedThroughputExceededException", "nothing was processed");

    let keys: Vec<Value> = (0..25).map(|n| json!({"pk": {"S": format!("k{n}")}})).collect();
    let batch = json!({"RequestItems": {"things": {"Keys": keys, "ConsistentRead": true}}});
    let reply = server.raw.must("BatchGetItem", batch.clone()).await;
    let unprocessed = reply["UnprocessedKeys"]["things"]["Keys"].as_array().unwrap();
    assert_eq!(unprocessed.len(), 25 - (READ_UNITS_PER_S * BURST_S) as usize);
    let refused = server.raw.operation("BatchGetItem", batch).await;
    assert_eq!(refused.error(), "ProvisionedThroughputExceededException");
    server.stop().await;
}

#[tokio::test]
async fn tables_on_demand_have_an_exception_of_their_own() {
    let server = TestServer::start_with(limit).await;
    server.table("things", false).await;
    assert_eq!(exhaust(&server).await, WRITES);
    assert_eq!(put(&server, "k").await.error(), "ThrottlingException");
    server.stop().await;
}

#[tokio::test]
async fn without_limits_nothing_is_throttled() {
    let server = TestServer::start_with(|settings| {
        limit(settings);
        settings.limits.mode = LimitMode::Off;
    })
    .await;
    provisioned_table(&server).await;
    for _ in 0..10 * WRITES {
        assert_eq!(put(&server, "k").await.status, StatusCode::OK);
    }
    server.stop().await;
}

#[tokio::test]
async fn where_limits_are_measured_nothing_is_refused_before_one_is_met() {
    assert_eq!(ServerSettings::default().limits.mode, LimitMode::Measured);
    let server = TestServer::start_with(|settings| {
        limit(settings);
        settings.limits.mode = LimitMode::Measured;
    })
    .await;
    provisioned_table(&server).await;
    for _ in 0..10 * WRITES {
        assert_eq!(put(&server, "k").await.status, StatusCode::OK);
    }
    let table = server.storage().table("things").unwrap();
    let partition = table.partition_map().partitions[0].id;
    let credit = server.handle.credit_source()(table.id(), partition);
    assert_eq!(credit, None, "what is granted says nothing about when requests are refused");
    server.stop().await;
}

#[tokio::test]
async fn a_page_is_paid_by_every_partition_that_it_runs_through() {
    let server = TestServer::start_with(|settings| {
        settings.limits.read_units_per_s = 20.0;
        settings.limits.burst_s = 1.0;
        settings.tables.partitions_initial = 2;
    })
    .await;
    provisioned_table(&server).await;
    let text = "x".repeat(4000);
    for n in 0..40 {
        let item = json!({"pk": {"S": format!("k{n}")}, "text": {"S": text}});
        server.raw.must("PutItem", json!({"TableName": "things", "Item": item})).await;
    }
    // 160 kB are 20 units: about ten for each partition, which has 20. Two scans leave both near
    // zero.
    let scan = json!({"TableName": "things", "Select": "COUNT"});
    for _ in 0..2 {
        let whole = server.raw.must("Scan", scan.clone()).await;
        assert_eq!((&whole["Count"], whole.get("LastEvaluatedKey")), (&json!(40), None));
    }
    let table = server.storage().table("things").unwrap();
    let credit = server.handle.credit_source();
    let levels: Vec<f64> = table
        .partition_map()
        .partitions
        .iter()
        .map(|info| credit(table.id(), info.id).unwrap().read)
        .collect();
    assert!((levels.iter().sum::<f64>()).abs() < 1.5, "both scans are paid: {levels:?}");
    assert!(levels.iter().all(|level| level.abs() < 15.0), "each pays its own: {levels:?}");

    // A page begins only where there is credit, and goes on to the end of its megabyte.
    let mut more = 0;
    let refused = loop {
        let reply = server.raw.operation("Scan", scan.clone()).await;
        if reply.status != StatusCode::OK {
            break reply;
        }
        more += 1;
        assert!(more < 3, "20 units/s never run out");
    };
    assert_eq!(refused.error(), "ProvisionedThroughputExceededException");
    server.clock.advance_ms(1000);
    assert_eq!(server.raw.must("Scan", scan).await["Count"], 40);
    server.stop().await;
}

#[tokio::test]
async fn a_split_prints_no_credit_but_doubles_the_rate() {
    let server = TestServer::start_with(limit).await;
    provisioned_table(&server).await;
    assert_eq!(exhaust(&server).await, WRITES);
    let table = server.storage().table("things").unwrap();
    let sources = table.partition_map().partitions.iter().map(|info| info.id).collect();
    let boundaries = storage_key::even_boundaries(2);
    table.reslice(Reslice { sources, boundaries }).await.unwrap();
    assert_eq!(put(&server, "k").await.status, StatusCode::BAD_REQUEST, "nothing was saved up");

    server.clock.advance_ms(1000);
    let mut passed = 0;
    for n in 0..40 {
        passed += usize::from(put(&server, &format!("k{n}")).await.status == StatusCode::OK);
    }
    assert_eq!(passed, 2 * WRITE_UNITS_PER_S as usize, "each child has the full rate");
    server.stop().await;
}

#[tokio::test]
async fn provisioned_throughput_is_enforced_if_the_settings_say_so() {
    let enforce = |settings: &mut ServerSettings| {
        settings.limits.provisioned = true;
        settings.limits.burst_s = BURST_S;
    };
    let server = TestServer::start_with(enforce).await;
    provisioned_table(&server).await;
    assert_eq!(exhaust(&server).await, BURST_S as usize, "one unit a second");
    let refused = put(&server, "another").await;
    assert_eq!(refused.error(), "ProvisionedThroughputExceededException");
    let reason = &refused.json()["ThrottlingReasons"][0]["reason"];
    assert_eq!(reason, "TableWriteProvisionedThroughputExceeded");
    let items = json!([{"PutRequest": {"Item": {"pk": {"S": "k"}}}}]);
    let batch = json!({"RequestItems": {"things": items}});
    let refused = server.raw.operation("BatchWriteItem", batch).await;
    let reason = &refused.json()["ThrottlingReasons"][0]["reason"];
    assert_eq!(reason, "TableWriteProvisionedThroughputExceeded");

    let more = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 7});
    let update = json!({"TableName": "things", "ProvisionedThroughput": more});
    server.raw.must("UpdateTable", update).await;
    server.clock.advance_ms(1000);
    assert_eq!(exhaust(&server).await, 7);
    let on_demand = json!({"TableName": "things", "BillingMode": "PAY_PER_REQUEST"});
    server.raw.must("UpdateTable", on_demand).await;
    for _ in 0..20 {
        assert_eq!(put(&server, "k").await.status, StatusCode::OK);
    }
    server.stop().await;
}
