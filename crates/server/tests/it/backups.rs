//! Backups through the API: states, errors, pages, restores, points in time.

use crate::support::{START_MS, TestServer};
use serde_json::{Value, json};

async fn put(server: &TestServer, table: &str, key: &str, value: &str) {
    let item = json!({"pk": {"S": key}, "v": {"S": value}});
    server.raw.must("PutItem", json!({"TableName": table, "Item": item})).await;
}

async fn value(server: &TestServer, table: &str, key: &str) -> Value {
    let get = json!({"TableName": table, "Key": {"pk": {"S": key}}, "ConsistentRead": true});
    server.raw.must("GetItem", get).await["Item"]["v"]["S"].clone()
}

async fn error(server: &TestServer, operation: &str, body: Value) -> String {
    server.raw.operation(operation, body).await.error().to_owned()
}

async fn back_up(server: &TestServer, table: &str, name: &str) -> Value {
    let request = json!({"TableName": table, "BackupName": name});
    server.raw.must("CreateBackup", request).await["BackupDetails"].clone()
}

#[tokio::test]
async fn a_backup_is_made_described_restored_and_deleted() {
    let server = TestServer::start().await;
    server.table("things", false).await;
    put(&server, "things", "a", "old").await;
    let made = back_up(&server, "things", "first").await;
    assert_eq!((&made["BackupStatus"], &made["BackupType"]), (&json!("CREATING"), &json!("USER")));
    let arn = made["BackupArn"].clone();
    put(&server, "things", "a", "new").await;
    let named = json!({"BackupArn": arn});
    let described = server.raw.must("DescribeBackup", named.clone()).await;
    let description = &described["BackupDescription"];
    assert_eq!(description["BackupDetails"]["BackupStatus"], "AVAILABLE");
    assert_eq!(description["SourceTableDetails"]["TableName"], "things");
    assert!(description["BackupDetails"]["BackupSizeBytes"].as_u64().unwrap() > 0);

    let restore = json!({"TargetTableName": "copies", "BackupArn": arn});
    let restored = server.raw.must("RestoreTableFromBackup", restore.clone()).await;
    let table = &restored["TableDescription"];
    assert_eq!(
        (&table["TableStatus"], &table["TableName"]),
        (&json!("CREATING"), &json!("copies"))
    );
    assert_eq!(table["RestoreSummary"]["RestoreInProgress"], true);
    let table = server.raw.must("DescribeTable", json!({"TableName": "copies"})).await;
    assert_eq!(table["Table"]["TableStatus"], "ACTIVE");
    assert_eq!(table["Table"]["RestoreSummary"]["SourceBackupArn"], arn);
    assert_eq!(table["Table"]["RestoreSummary"]["RestoreInProgress"], false);
    assert_eq!(value(&server, "copies", "a").await, "old");
    assert_eq!(value(&server, "things", "a").await, "new");
    assert_eq!(
        error(&server, "RestoreTableFromBackup", restore).await,
        "TableAlreadyExistsException"
    );

    // It outlives its table, and a restart.
    server.raw.must("DeleteTable", json!({"TableName": "things"})).await;
    let server = TestServer::start_in(server.stop().await, |_| ()).await;
    let restore = json!({"TargetTableName": "things", "BackupArn": arn});
    server.raw.must("RestoreTableFromBackup", restore).await;
    assert_eq!(value(&server, "things", "a").await, "old");
    let deleted = server.raw.must("DeleteBackup", named.clone()).await;
    assert_eq!(deleted["BackupDescription"]["BackupDetails"]["BackupStatus"], "DELETED");
    for operation in ["DescribeBackup", "DeleteBackup"] {
        assert_eq!(error(&server, operation, named.clone()).await, "BackupNotFoundException");
    }
    let restore = json!({"TargetTableName": "others", "BackupArn": arn});
    assert_eq!(error(&server, "RestoreTableFromBackup", restore).await, "BackupNotFoundException");
    let none = json!({"TableName": "none", "BackupName": "some"});
    assert_eq!(error(&server, "CreateBackup", none).await, "TableNotFoundException");
    server.stop().await;
}

#[tokio::test]
async fn backups_are_listed_in_pages_and_bounded() {
    let server = TestServer::start_with(|settings| settings.tables.backups_max = 3).await;
    for table in ["things", "others"] {
        server.table(table, false).await;
    }
    for (table, name) in [("things", "one"), ("others", "two"), ("things", "three")] {
        back_up(&server, table, name).await;
    }
    let fourth = json!({"TableName": "things", "BackupName": "four"});
    assert_eq!(error(&server, "CreateBackup", fourth).await, "LimitExceededException");
    let mut start = Value::Null;
    let mut names = Vec::new();
    loop {
        let request = json!({"TableName": "things", "Limit": 1, "ExclusiveStartBackupArn": start});
        let page = server.raw.must("ListBackups", request).await;
        let summaries = page["BackupSummaries"].as_array().unwrap();
        names.extend(summaries.iter().map(|summary| summary["BackupName"].clone()));
        start = page["LastEvaluatedBackupArn"].clone();
        if start.is_null() {
            break;
        }
    }
    assert_eq!(names, ["one", "three"]);
    let all = server.raw.must("ListBackups", json!({"BackupType": "ALL"})).await;
    assert_eq!(all["BackupSummaries"].as_array().unwrap().len(), 3);
    server.stop().await;
}

async fn recovery(server: &TestServer, table: &str) -> Value {
    let described = server.raw.must("DescribeContinuousBackups", json!({"TableName": table})).await;
    described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"].clone()
}

/// Waits until the last instant that can be restored is another one.
async fn wait_for_a_point(server: &TestServer, table: &str, behind: f64) -> f64 {
    loop {
        let latest = recovery(server, table).await["LatestRestorableDateTime"].as_f64();
        if let Some(latest) = latest.filter(|latest| *latest > behind) {
            return latest;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_table_is_restored_to_points_in_time() {
    let server = TestServer::start().await;
    server.table("things", false).await;
    let restore = |target: &str, time: Value| {
        let mut request = json!({"SourceTableName": "things", "TargetTableName": target});
        match time.is_null() {
            true => request["UseLatestRestorableTime"] = json!(true),
            false => request["RestoreDateTime"] = time,
        }
        request
    };
    let off = restore("copies", Value::Null);
    let operation = "RestoreTableToPointInTime";
    assert_eq!(error(&server, operation, off).await, "PointInTimeRecoveryUnavailableException");
    put(&server, "things", "a", "0").await;
    let on = json!({
        "TableName": "things",
        "PointInTimeRecoverySpecification":
            {"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 7},
    });
    let kept = server.raw.must("UpdateContinuousBackups", on).await;
    let kept = &kept["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
    let start = START_MS as f64 / 1000.0;
    assert_eq!(kept["PointInTimeRecoveryStatus"], "ENABLED");
    assert_eq!(
        (&kept["EarliestRestorableDateTime"], &kept["RecoveryPeriodInDays"]),
        (&json!(start), &json!(7))
    );
    // Nobody writes: the table can be restored to any instant until now.
    server.clock.advance_ms(3_600_000);
    assert_eq!(recovery(&server, "things").await["LatestRestorableDateTime"], start + 3600.0);
    put(&server, "things", "a", "1").await;
    let first = wait_for_a_point(&server, "things", start).await;
    assert_eq!(first, start + 3600.0);
    server.clock.advance_ms(600_000);
    put(&server, "things", "a", "2").await;
    let second = wait_for_a_point(&server, "things", first).await;
    // Points are no backups that anybody sees.
    let all = server.raw.must("ListBackups", json!({"BackupType": "ALL"})).await;
    assert_eq!(all["BackupSummaries"], json!([]));
    for (target, time, expected) in [
        ("at-0", json!(start + 10.0), "0"),
        ("at-1", json!(first), "1"),
        ("before-2", json!(second - 0.001), "1"),
        ("at-2", json!(second), "2"),
        ("latest", Value::Null, "2"),
    ] {
        let restored = server.raw.must(operation, restore(target, time)).await;
        let summary = &restored["TableDescription"]["RestoreSummary"];
        assert!(summary["RestoreDateTime"].as_f64().unwrap() <= second, "{summary}");
        assert_eq!(value(&server, target, "a").await, expected, "{target}");
    }
    for (target, time) in [("before", start - 1.0), ("later", second + 1_000_000.0)] {
        let refused = error(&server, operation, restore(target, json!(time))).await;
        assert_eq!(refused, "InvalidRestoreTimeException", "{target}");
    }
    // A deleted table leaves a backup behind, and no points.
    server.raw.must("DeleteTable", json!({"TableName": "things"})).await;
    let all = server.raw.must("ListBackups", json!({"BackupType": "SYSTEM"})).await;
    let last = &all["BackupSummaries"][0];
    assert_eq!(last["BackupName"], "things$DeletedTableBackup");
    let request = json!({"TargetTableName": "things", "BackupArn": last["BackupArn"]});
    server.raw.must("RestoreTableFromBackup", request).await;
    assert_eq!(value(&server, "things", "a").await, "2");
    while server.storage().backups().len() > 1 {
        tokio::task::yield_now().await;
    }
    // Until it expires.
    server.clock.advance_ms(36 * 24 * 3_600_000);
    while !server.storage().backups().is_empty() {
        tokio::task::yield_now().await;
    }
    server.stop().await;
}
