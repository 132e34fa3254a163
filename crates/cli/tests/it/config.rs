//! `foreshard config check`, and a service that is told by file, environment and flags.

use crate::process::{Service, failure};
use serde_json::Value;
use std::path::Path;
use tokio::process::Command;

fn check(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command.args(["config", "check"]).arg(file);
    command
}

fn write(directory: &Path, text: &str) -> std::path::PathBuf {
    let path = directory.join("foreshard.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_shown_with_where() {
    let directory = tempfile::tempdir().unwrap();
    let file =
        write(directory.path(), "[server]\nregion = \"eu-north-1\"\n\n[manager]\ntick_ms = 5\n");
    let mut command = check(&file);
    command.arg("--json").env("FORESHARD_MANAGER__TICK_MS", "7");
    command.env("FORESHARD_SERVER__CREDENTIALS__AKID", "tiger");
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains("tiger"), "{said}");
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["settings"]["server"]["region"], "eu-north-1");
    assert_eq!(document["settings"]["manager"]["tick_ms"], 7);
    assert_eq!(document["settings"]["server"]["credentials"]["AKID"], "(hidden)");
    assert_eq!(document["told"]["manager.tick_ms"], "FORESHARD_MANAGER__TICK_MS");
    let line = format!("{}:2", file.display());
    assert_eq!(document["told"]["server.region"], line.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_reads_is_refused_by_check_and_by_serve() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "[server]\nlistne = \"127.0.0.1:0\"\n");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_foreshard"));
    serve.args(["serve", "--config"]).arg(&file);
    for command in [check(&file), serve] {
        let (code, said) = failure(command).await;
        let expected = r#":2: [server] has no setting "listne"; did you mean "listen"?"#;
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(said.trim(), format!("foreshard: {}{expected}", file.display()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_win_over_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = crate::process::serve(directory.path());
    // Nobody could listen there.
    command.env("FORESHARD_SERVER__LISTEN", "192.0.2.1:8000");
    command.env("FORESHARD_SERVER__REGION", "eu-north-1");
    let service = Service::start_with(command).await;
    crate::lifecycle::create_table(&service, "here").await;
    let table = service.http.ok("DescribeTable", serde_json::json!({"TableName": "here"})).await;
    let arn = table["Table"]["TableArn"].as_str().unwrap_or_default();
    assert!(arn.starts_with("arn:aws:dynamodb:eu-north-1:"), "{arn}");
    assert_eq!(service.terminate().await, Some(0));
}
