//! What is not logged, even if all is: items, keys, secrets.

use crate::process::{Service, line_with, serve};
use serde_json::json;
use std::path::Path;
use std::process::Stdio;

/// In every item, as a value.
const VALUE: &str = "planted-value-4711";
/// In every item, as its key.
const KEY: &str = "planted-key-4711";
/// A token of the admin API, which is sent with requests.
const TOKEN: &str = "planted-token-4711";
/// A secret key that is configured.
const SECRET: &str = "planted-secret-4711";

async fn requests(service: &Service) {
    let http = &service.http;
    let key = json!({"pk": {"S": KEY}});
    let item = json!({"pk": {"S": KEY}, "v": {"S": VALUE}});
    let values = json!({":v": {"S": VALUE}});
    for (operation, mut request) in [
        ("PutItem", json!({"Item": item})),
        ("GetItem", json!({"Key": key})),
        (
            "UpdateItem",
            json!({"Key": key, "UpdateExpression": "SET w = :v", "ExpressionAttributeValues": values}),
        ),
        (
            "Query",
            json!({"KeyConditionExpression": "pk = :k", "FilterExpression": "v = :v",
                   "ExpressionAttributeValues": {":k": {"S": KEY}, ":v": {"S": VALUE}}}),
        ),
        ("Scan", json!({})),
        // Refused, for reasons that have the value in them.
        (
            "PutItem",
            json!({"Item": item, "ConditionExpression": "v <> :v",
                   "ExpressionAttributeValues": values,
                   "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}),
        ),
        ("PutItem", json!({"Item": {"pk": {"N": VALUE}}})),
        ("PutItem", json!({"Item": {"pk": {"S": KEY}, "v": {VALUE: VALUE}}})),
        ("UpdateItem", json!({"Key": key, "UpdateExpression": format!("SET {VALUE} + {VALUE}")})),
        ("DeleteItem", json!({"Key": key})),
    ] {
        request["TableName"] = "planted".into();
        http.dynamodb(operation, &request).await.unwrap();
    }
}

/// All that a service logs that is told to log all it has.
async fn logged(format: &str, directory: &Path) -> String {
    let file = directory.join("foreshard.toml");
    let text = format!(
        "[log]\nlevel = \"trace\"\nformat = \"{format}\"\n[storage]\nmemtable_bytes = 65536\n"
    );
    std::fs::write(&file, &text).unwrap();
    let mut command = serve(&directory.join("data"));
    command.arg("--config").arg(&file).env_remove("RUST_LOG").stderr(Stdio::piped());
    let mut service = Service::start_with(command).await;
    let mut log = service.log();
    let reading = tokio::spawn(async move {
        let mut all = String::new();
        while let Some(line) = log.next_line().await.unwrap() {
            all.push_str(&line);
            all.push('\n');
        }
        all
    });
    crate::lifecycle::create_table(&service, "planted").await;
    requests(&service).await;
    // Flushed and read back from files, too.
    let partitions = service.http.admin("tables/planted/partitions").await;
    let split =
        json!({"action": "split", "partition": partitions["partitions"][0]["id"], "into": 2});
    assert_eq!(service.http.reslice("planted", split).await.unwrap().0, 200);
    requests(&service).await;
    let secrets = format!(
        "{text}[server.credentials]\nAKID = \"{SECRET}\"\n\
         [admin.tokens.ann]\nrole = \"operator\"\ntoken = \"{TOKEN}\"\n"
    );
    std::fs::write(&file, secrets).unwrap();
    service.signal("-HUP").await;
    // From then on nobody without them is let in.
    while service.http.try_admin("tables").await.unwrap().0 != 401 {
        tokio::task::yield_now().await;
    }
    assert_eq!(service.http.admin_as("tables", TOKEN).await.0, 200);
    assert_eq!(service.terminate().await, Some(0));
    reading.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_items_nor_secrets_are_logged() {
    for format in ["text", "json"] {
        let directory = tempfile::tempdir().unwrap();
        let log = logged(format, directory.path()).await;
        assert!(!log.contains('\x1b'), "no colours where nobody sees them");
        // It is the log of all this, with everything it can have.
        for expected in ["UpdateItem", "request_id", "tables/planted/reslice", "slatedb", "DEBUG"] {
            assert!(log.contains(expected), "{format}: no {expected} in\n{log}");
        }
        let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        for planted in [VALUE, KEY, TOKEN, SECRET] {
            let bytes = format!("{:?}", planted.as_bytes());
            for form in [planted.to_owned(), hex(planted), bytes[1..bytes.len() - 1].to_owned()] {
                let line = log.lines().find(|line| line.to_lowercase().contains(&form));
                assert!(line.is_none(), "{format}: {line:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_wins_over_the_configured_level() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = serve(directory.path());
    command.env("FORESHARD_LOG__LEVEL", "error").env("RUST_LOG", "server=info");
    let mut service = Service::start_with({
        command.stderr(Stdio::piped());
        command
    })
    .await;
    let mut log = service.log();
    line_with(&mut log, &["INFO", "serving the DynamoDB API"]).await;
    service.kill().await;
}
