//! SIGHUP: what can change does, what cannot is named, and what is refused changes nothing.

use crate::process::{Service, line_with, serve};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;

const READ: &str = "the configuration was read again";
const REFUSED: &str = "the configuration is refused, the old one stays in force";

fn write(path: &Path, text: &str) {
    std::fs::write(path, format!("[log]\nformat = \"json\"\n{text}")).unwrap();
}

/// Whether a client without credentials is let in.
async fn status(service: &Service) -> u16 {
    service.http.dynamodb("ListTables", &json!({})).await.unwrap().0
}

/// Waits until the table is scored by this threshold and this largest size.
async fn scored(service: &Service, threshold: f64, size: &str) {
    loop {
        let found = service.http.admin("tables/planned/partitions").await;
        let found = &found["partitions"][0];
        if found["score_threshold"] == threshold
            && found["score_reasons"].to_string().contains(size)
        {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_what_it_can_and_a_refused_one_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("foreshard.toml");
    write(&file, "");
    let mut command = serve(&directory.path().join("data"));
    command
        .arg("--config")
        .arg(&file)
        .env_remove("RUST_LOG")
        .env("FORESHARD_PLANNER__SCORE__INTERVAL_MS", "100")
        .stderr(Stdio::piped());
    let mut service = Service::start_with(command).await;
    let mut log = service.log();
    crate::lifecycle::create_table(&service, "planned").await;
    scored(&service, 9.0, "10737418240").await;

    write(
        &file,
        "level = \"warn,server=debug\"\n[server.credentials]\nAKID = \"tiger\"\n\
         [planner.score]\nthreshold = 8.0\nsize_bytes_max = 12345\n[manager]\ntick_ms = 7\n",
    );
    service.signal("-HUP").await;
    let line: Value = serde_json::from_str(&line_with(&mut log, &[READ]).await).unwrap();
    assert_eq!(
        line["fields"],
        json!({
            "changed": "log.level, planner.score.size_bytes_max, planner.score.threshold, \
                 server.credentials",
            "waits_for_a_restart": "manager.tick_ms",
        })
    );
    assert_eq!(status(&service).await, 400, "the key is unknown now");
    let line = line_with(&mut log, &["\"answered\"", "UnrecognizedClient"]).await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["request_id"].as_str().map(str::len), Some(52), "{line}");
    assert_eq!(line["fields"]["operation"], "ListTables", "{line}");
    // Every request is logged now, and a service whose log nobody reads stops.
    tokio::select! {
        () = scored(&service, 8.0, "12345") => {}
        line = line_with(&mut log, &["no line has this"]) => panic!("{line}"),
    }

    for (text, why) in [
        ("[server.credentials]\nAKID = \"\"\n", "is empty"),
        ("[servre]\n", "did you mean"),
        ("[server]\nlisten = \"0.0.0.0:1\"\n", "waits_for_a_restart"),
    ] {
        write(&file, text);
        service.signal("-HUP").await;
        // The flag says where it listens, whatever the file does.
        let is_fine = why.contains("restart");
        let line = line_with(&mut log, &[if is_fine { READ } else { REFUSED }]).await;
        assert!(line.contains(why) && !line.contains("tiger"), "{line}");
        assert_eq!(status(&service).await, if is_fine { 200 } else { 400 }, "{line}");
    }
    assert_eq!(service.terminate().await, Some(0));
}
