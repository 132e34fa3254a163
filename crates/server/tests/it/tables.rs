//! Operations on tables beside making and dropping them, and what of them survives a restart.

use serde_json::{Value, json};

use crate::admin::eventually;
use crate::support::TestServer;

/// What DescribeTable shows, but for the size, which a restart makes the table's files tell.
async fn described(server: &TestServer) -> Value {
    let reply = server.raw.must("DescribeTable", json!({"TableName": "things"})).await;
    without_size(&reply["Table"])
}

fn without_size(description: &Value) -> Value {
    let mut description = description.clone();
    description["TableSizeBytes"] = json!(0);
    description["ItemCount"] = json!(0);
    description
}

#[tokio::test]
async fn what_update_table_changes_survives_a_restart() {
    let server = TestServer::start().await;
    server.table("things", true).await;
    let item = json!({"pk": {"S": "a"}, "sk": {"N": "1"}});
    server.raw.must("PutItem", json!({"TableName": "things", "Item": item})).await;
    let request = json!({
        "TableName": "things",
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3},
        "WarmThroughput": {"ReadUnitsPerSecond": 20_000, "WriteUnitsPerSecond": 9_000},
        "DeletionProtectionEnabled": true,
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
    });
    let updated = server.raw.must("UpdateTable", request).await;
    let mut updated = without_size(&updated["TableDescription"]);
    assert_eq!(updated["TableStatus"], "UPDATING");
    updated["TableStatus"] = json!("ACTIVE");
    updated["WarmThroughput"]["Status"] = json!("ACTIVE");
    assert_eq!(updated["ProvisionedThroughput"]["WriteCapacityUnits"], 3);
    assert_eq!(described(&server).await, updated);

    let server = TestServer::start_in(server.stop().await, |_| ()).await;
    assert_eq!(described(&server).await, updated);
    let refused = server.raw.operation("DeleteTable", json!({"TableName": "things"})).await;
    assert_eq!(refused.error(), "ValidationException");
    let off = json!({"TableName": "things", "DeletionProtectionEnabled": false});
    server.raw.must("UpdateTable", off).await;
    let read = json!({"TableName": "things", "Key": item});
    assert_eq!(server.raw.must("GetItem", read).await["Item"], item);
    server.raw.must("DeleteTable", json!({"TableName": "things"})).await;
    server.stop().await;
}

/// Asks until the table has been counted and has so many items.
async fn wait_for_items(server: &TestServer, items: u64) {
    eventually(async || {
        let reply = server.raw.must("DescribeTable", json!({"TableName": "things"})).await;
        (reply["Table"]["ItemCount"] == json!(items)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn items_are_counted() {
    let server = TestServer::start().await;
    server.table("things", true).await;
    wait_for_items(&server, 0).await;
    let key = |n: u32| json!({"pk": {"S": "a"}, "sk": {"N": n.to_string()}});
    for n in [1, 2, 3, 3] {
        server.raw.must("PutItem", json!({"TableName": "things", "Item": key(n)})).await;
    }
    wait_for_items(&server, 3).await;
    server.raw.must("DeleteItem", json!({"TableName": "things", "Key": key(1)})).await;
    wait_for_items(&server, 2).await;
    server.stop().await;
}

#[tokio::test]
async fn an_update_that_does_not_fit_the_table_changes_nothing() {
    let server = TestServer::start().await;
    server.table("things", false).await;
    let before = described(&server).await;
    for (request, error) in [
        (json!({"TableName": "none", "DeletionProtectionEnabled": true}), "ResourceNotFound"),
        (json!({"TableName": "things"}), "Validation"),
        (
            json!({
                "TableName": "things", "DeletionProtectionEnabled": true,
                "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "idx"}}],
            }),
            "ResourceNotFound",
        ),
    ] {
        let refused = server.raw.operation("UpdateTable", request).await;
        assert_eq!(refused.error(), format!("{error}Exception"));
    }
    assert_eq!(described(&server).await, before);
    server.stop().await;
}

#[tokio::test]
async fn concurrent_updates_all_count() {
    let server = TestServer::start().await;
    let table = server.table("things", false).await;
    let arn = table["TableArn"].as_str().unwrap();
    let tag = |n: usize| {
        let tags = json!([{"Key": format!("key{n}"), "Value": "v"}]);
        server.raw.operation("TagResource", json!({"ResourceArn": arn, "Tags": tags}))
    };
    let replies = futures::future::join_all((0..20).map(tag)).await;
    assert!(replies.iter().all(|reply| reply.status.is_success() && reply.body.is_empty()));
    let list = json!({"ResourceArn": arn});
    let tags = server.raw.must("ListTagsOfResource", list.clone()).await;
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 20);
    let untag = json!({"ResourceArn": arn, "TagKeys": ["key3", "none"]});
    assert!(server.raw.operation("UntagResource", untag).await.status.is_success());

    let server = TestServer::start_in(server.stop().await, |_| ()).await;
    let tags = server.raw.must("ListTagsOfResource", list).await;
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 19);
    let none = json!({"ResourceArn": format!("{arn}x")});
    let refused = server.raw.operation("ListTagsOfResource", none).await;
    assert_eq!(refused.error(), "ResourceNotFoundException");
    server.stop().await;
}

#[tokio::test]
async fn descriptions_are_what_clients_wait_for() {
    let server = TestServer::start().await;
    server.table("things", false).await;
    let named = json!({"TableName": "things"});
    let ttl = server.raw.must("DescribeTimeToLive", named.clone()).await;
    assert_eq!(ttl["TimeToLiveDescription"]["TimeToLiveStatus"], "DISABLED");
    let backups = server.raw.must("DescribeContinuousBackups", named).await;
    let backups = &backups["ContinuousBackupsDescription"];
    assert_eq!(backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"], "DISABLED");
    let endpoints = server.raw.must("DescribeEndpoints", json!({})).await;
    assert_eq!(endpoints["Endpoints"][0]["Address"], server.addr().to_string());
    let limits = server.raw.must("DescribeLimits", json!({})).await;
    assert_eq!(limits["TableMaxReadCapacityUnits"], 40_000);
    let none = json!({"TableName": "none"});
    let refused = server.raw.operation("DescribeTimeToLive", none.clone()).await;
    assert_eq!(refused.error(), "ResourceNotFoundException");
    let refused = server.raw.operation("DescribeContinuousBackups", none).await;
    assert_eq!(refused.error(), "TableNotFoundException");
    server.stop().await;
}
