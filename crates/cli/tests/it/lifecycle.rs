//! Starting, stopping, refusing to start; what is kept over a restart.

use crate::process::{Service, failure, serve};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_tables_items_and_partitions() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(directory.path()).await;
    create_table(&service, "kept").await;
    service.http.ok("PutItem", json!({"TableName": "kept", "Item": item("a", 1)})).await;
    let partitions = service.http.admin("tables/kept/partitions").await;
    let id = partitions["partitions"][0]["id"].clone();
    let split = json!({"action": "split", "partition": id, "into": 2});
    let (status, reply) = service.http.reslice("kept", split).await.unwrap();
    assert_eq!(status, 200, "{reply}");
    assert_eq!(service.terminate().await, Some(0));

    let service = Service::start(directory.path()).await;
    let got =
        service.http.ok("GetItem", json!({"TableName": "kept", "Key": {"pk": {"S": "a"}}})).await;
    assert_eq!(got["Item"], item("a", 1));
    let partitions = service.http.admin("tables/kept/partitions").await;
    assert_eq!(partitions["partitions"].as_array().unwrap().len(), 2, "{partitions}");
    let decisions = service.http.admin("decisions?table=kept").await;
    assert_eq!(decisions["decisions"][0]["state"], "done", "{decisions}");
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Service::start(directory.path()).await;
    let (code, said) = failure(serve(directory.path())).await;
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    assert!(said.contains("in use") || said.contains("lock"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_loopback_is_served_without_credentials() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command.args(["serve", "--listen", "0.0.0.0:0", "--data"]).arg(directory.path());
    let (code, said) = failure(command).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("loopback"), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_no_bucket_is_refused() {
    let foreshard = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_foreshard"));
        command.arg("serve").args(arguments);
        command
    };
    let (code, said) = failure(foreshard(&["--store", "ftp://host/prefix"])).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("use s3, gs or az"), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    let both = foreshard(&["--store", "s3://bucket", "--data", "somewhere"]);
    assert_eq!(failure(both).await.0, Some(2), "a directory or a bucket");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_exits_with_2() {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command.arg("sevre");
    assert_eq!(failure(command).await.0, Some(2));
}

pub(crate) async fn create_table(service: &Service, name: &str) {
    let request = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]
    });
    service.http.ok("CreateTable", request).await;
}

pub(crate) fn item(key: &str, sequence: u64) -> serde_json::Value {
    json!({"pk": {"S": key}, "seq": {"N": sequence.to_string()}})
}
