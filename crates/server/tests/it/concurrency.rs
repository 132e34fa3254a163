//! Many clients on the same items: nothing is lost, nothing happens twice.

use futures::{StreamExt, stream};
use http::StatusCode;
use serde_json::json;

use crate::support::TestServer;

const CLIENTS: usize = 64;
const ADDS_PER_CLIENT: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_counts_every_add() {
    let server = TestServer::start().await;
    server.table("counters", false).await;
    let add = json!({
        "TableName": "counters",
        "Key": {"pk": {"S": "one"}},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
        "ReturnValues": "UPDATED_NEW",
    });
    let seen: Vec<u64> = stream::iter(0..CLIENTS * ADDS_PER_CLIENT)
        .map(|_| async {
            let reply = server.raw.must("UpdateItem", add.clone()).await;
            reply["Attributes"]["n"]["N"].as_str().unwrap().parse::<u64>().unwrap()
        })
        .buffer_unordered(CLIENTS)
        .collect()
        .await;
    // Atomic: every update saw the value that it made, and no two made the same.
    let mut seen = seen;
    seen.sort_unstable();
    assert_eq!(seen, (1..=(CLIENTS * ADDS_PER_CLIENT) as u64).collect::<Vec<_>>());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_conditional_puts_one_wins() {
    let server = TestServer::start().await;
    server.table("locks", false).await;
    for round in 0..10 {
        let key = format!("lock{round}");
        let statuses: Vec<StatusCode> = stream::iter(0..CLIENTS)
            .map(|owner| {
                let put = json!({
                    "TableName": "locks",
                    "Item": {"pk": {"S": key}, "owner": {"N": owner.to_string()}},
                    "ConditionExpression": "attribute_not_exists(pk)",
                });
                async { server.raw.operation("PutItem", put).await.status }
            })
            .buffer_unordered(CLIENTS)
            .collect()
            .await;
        let won = statuses.iter().filter(|status| **status == StatusCode::OK).count();
        assert_eq!(won, 1, "of {} for {key}", statuses.len());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let server = TestServer::start_with(|settings| settings.tables.partitions_initial = 2).await;
    server.table("things", true).await;
    stream::iter(0..500)
        .map(|n: u32| {
            let item = json!({"pk": {"S": format!("k{}", n % 7)}, "sk": {"N": n.to_string()}});
            server.raw.must("PutItem", json!({"TableName": "things", "Item": item}))
        })
        .buffer_unordered(CLIENTS)
        .collect::<Vec<_>>()
        .await;
    let directory = server.stop().await;
    let server = TestServer::start_in(directory, |_| ()).await;
    let found = server.raw.must("Scan", json!({"TableName": "things", "Select": "COUNT"})).await;
    assert_eq!(found["Count"], 500);
    let described = server.raw.must("DescribeTable", json!({"TableName": "things"})).await;
    assert_eq!(described["Table"]["TableStatus"], "ACTIVE");
    server.stop().await;
}
