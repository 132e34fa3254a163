//! Which parameters of which operation are understood: `docs/compatibility-table.md`, made from what a
//! server does and compared with what the file says.
//!
//! Every parameter of DynamoDB's API is sent twice. Once with JSON that it can never be: a server
//! that reads it complains. And once used as it is meant: then it is served, or refused. What is
//! neither complained of nor refused would be ignored, which is the one thing that must not be.
//! `FORESHARD_WRITE_DOCS=1` writes the file anew.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::compatibility_samples::{BACKUP, Sample, samples};
use crate::support::{TestServer, table};

/// What the file begins with.
const INTRODUCTION: &str = "# Operations and parameters

Made by the test `compatibility` of crate `server` from what a server answers;
`FORESHARD_WRITE_DOCS=1 cargo test --workspace compatibility` writes it anew. *yes*: it is read and a
request that uses it is served (that it then does what it should is for other tests). *refused*: a
`ValidationException` says that it is not supported. None of these is ignored.

| operation | parameter | |
|---|---|---|
";

/// What becomes of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Served,
    Refused,
    Ignored,
}

impl Fate {
    fn shown(self) -> &'static str {
        match self {
            Self::Served => "yes",
            Self::Refused => "refused",
            Self::Ignored => "ignored",
        }
    }
}

/// Sends one request. Operations on tables get tables made anew, the others a table with one item.
async fn send(server: &TestServer, sample: &Sample, name: &str, value: Value) -> (u16, Value) {
    if sample.operation.ends_with("Table") || server.storage().tables().is_empty() {
        for table in ["things", "new-things"] {
            server.raw.operation("DeleteTable", json!({"TableName": table})).await;
        }
        server.raw.must("CreateTable", table("things", true)).await;
    } else if sample.operation.starts_with("Restore") {
        server.raw.operation("DeleteTable", json!({"TableName": "new-things"})).await;
    }
    let item = json!({"pk": {"S": "a"}, "sk": {"N": "1"}, "n": {"N": "1"}});
    server.raw.must("PutItem", json!({"TableName": "things", "Item": item})).await;
    let mut body = sample.base.clone();
    for (companion, value) in sample.companions(name) {
        body[companion] = value;
    }
    *place(&mut body, sample.within, name) = value;
    if sample.operation == "RestoreTableToPointInTime" {
        let on = json!({"PointInTimeRecoveryEnabled": true});
        let on = json!({"TableName": "things", "PointInTimeRecoverySpecification": on});
        server.raw.must("UpdateContinuousBackups", on).await;
    }
    for parameter in ["BackupArn", "ExclusiveStartBackupArn"] {
        if body[parameter] == BACKUP {
            let backup = json!({"TableName": "things", "BackupName": "backup"});
            let made = server.raw.must("CreateBackup", backup).await;
            body[parameter] = made["BackupDetails"]["BackupArn"].clone();
        }
    }
    let reply = server.raw.operation(sample.operation, body).await;
    let json = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    (reply.status.as_u16(), json)
}

/// Where a parameter is in a request: at its top, or in a batch's part for a table.
fn place<'a>(body: &'a mut Value, within: Option<&str>, name: &str) -> &'a mut Value {
    match within {
        None => &mut body[name],
        Some(outer) => &mut body[outer]["things"][name],
    }
}

async fn fate(server: &TestServer, sample: &Sample, name: &str, used: &Value) -> Fate {
    let (status, reply) = send(server, sample, name, used.clone()).await;
    let message = reply["message"].as_str().unwrap_or_default();
    if message.contains("not supported by this service")
        || message.contains("does not have the specified index")
    {
        return Fate::Refused;
    }
    assert_eq!(status, 200, "{} {name}: {reply}", sample.operation);
    // Nothing is at once text, number, truth, list and object; a list in a list is none of them.
    let (status, _) = send(server, sample, name, json!([[[]]])).await;
    if status == 200 { Fate::Ignored } else { Fate::Served }
}

#[tokio::test]
async fn every_parameter_is_served_or_refused_as_the_table_says() {
    let server = TestServer::start().await;
    let mut text = String::from(INTRODUCTION);
    for sample in samples() {
        for (name, used) in &sample.parameters {
            let fate = fate(&server, &sample, name, used).await;
            assert_ne!(fate, Fate::Ignored, "{} {name}", sample.operation);
            writeln!(text, "| {} | {name} | {} |", sample.operation, fate.shown()).unwrap();
        }
        if sample.parameters.is_empty() {
            let reply = server.raw.operation(sample.operation, sample.base.clone()).await;
            assert!(reply.status.is_success(), "{}", sample.operation);
            writeln!(text, "| {} | - | yes |", sample.operation).unwrap();
        }
    }
    server.stop().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility-table.md");
    if std::env::var("FORESHARD_WRITE_DOCS").is_ok_and(|write| write == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, text, "docs/compatibility-table.md is out of date: FORESHARD_WRITE_DOCS=1");
}
