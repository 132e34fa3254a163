//! `foreshard check`: on a store in use, a whole one, and a damaged one.

use crate::lifecycle::{create_table, item};
use crate::process::Service;
use serde_json::{Value, json};
use std::path::Path;
use tokio::process::Command;

/// Its exit code, what it printed, and what it complained about.
async fn check(directory: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
    let done = command.args(["check", "--data"]).arg(directory).args(more).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_in_use_then_whole_then_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let (code, _, said) = check(directory.path(), &[]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("not a data directory"), "{said}");

    let service = Service::start(directory.path()).await;
    create_table(&service, "kept").await;
    service.http.ok("PutItem", json!({"TableName": "kept", "Item": item("a", 1)})).await;
    let (code, _, said) = check(directory.path(), &[]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("in use by a running service"), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    service.kill().await;

    let (code, said, _) = check(directory.path(), &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().last().unwrap().starts_with("whole: read tables: 1, "), "{said}");

    let log = directory.path().join("log/0000000000000001.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[9] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let (code, said, _) = check(directory.path(), &["--json"]).await;
    assert_eq!(code, Some(1), "{said}");
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["whole"], false);
    assert_eq!(document["findings"][0]["severity"], "damaged");
    assert_eq!(document["findings"][0]["place"], "log/0000000000000001.log at offset 0");
}
