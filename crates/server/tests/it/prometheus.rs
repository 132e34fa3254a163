//! The metrics, the rules and the Grafana dashboard of deploy/, before a real Prometheus.
//!
//! Skipped, with a word, where Debian's package `prometheus` is not installed, unless
//! `FORESHARD_NEED_CLIENTS=1` says that it must be.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::admin::{Administered, JSON, eventually};
use crate::clients::skip;
use crate::http_client::RawClient;

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

/// Runs promtool, which must be content.
async fn promtool(arguments: &[&str], input: &[u8]) -> String {
    let mut tool = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tool.stdin.take().unwrap().write_all(input).await.unwrap();
    let output = tool.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said
}

/// A service with a split behind it, so that every metric has something to say.
async fn busy() -> Administered {
    let admin = Administered::start().await;
    admin.server.table("things", false).await;
    let put = json!({ "TableName": "things", "Item": { "pk": { "S": "a" } } });
    admin.server.raw.must("PutItem", put).await;
    let id = async || {
        let document = admin.document("tables/things/partitions").await;
        let first = &document["partitions"][0];
        first["score"].is_number().then(|| first["id"].clone())
    };
    let split = json!({ "action": "split", "partition": eventually(id).await, "into": 2 });
    let done = admin.post("/api/v1/tables/things/reslice", &[JSON], split).await;
    assert_eq!(done.status, http::StatusCode::OK, "{:?}", done.body);
    let scored = async || {
        let document = admin.document("tables/things/partitions").await;
        document["partitions"][1]["score"].is_number().then_some(())
    };
    eventually(scored).await;
    admin
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_metric_is_exported() {
    let admin = busy().await;
    let text = admin.raw.get("/metrics").await.body;
    let text = String::from_utf8(text.to_vec()).unwrap();
    for metric in [
        "foreshard_requests_total{operation=\"PutItem\"} 1",
        "foreshard_throttles_total{reason=\"TableWriteKeyRangeThroughputExceeded\"} 0",
        "foreshard_partition_score{table=\"things\",partition=\"2\"} 0.0",
        "foreshard_partition_load_units{table=\"things\",partition=\"2\",load=\"write\"} ",
        "foreshard_partition_capacity_units{table=\"things\",partition=\"2\",load=\"read\"} 3000.0",
        "foreshard_workflow_duration_seconds_count{action=\"split\",trigger=\"manual\"} 1",
        "foreshard_write_pause_seconds_count{action=\"split\",trigger=\"manual\"} 1",
        "foreshard_workflow_failures_total{action=\"split\",trigger=\"manual\"} 0",
        "foreshard_planner_paused 0",
        "foreshard_anomalies_open 0",
        "foreshard_workload_vectors_dropped_total 0",
        "foreshard_slatedb_db_",
    ] {
        assert!(text.lines().any(|line| line.starts_with(metric)), "{metric} in\n{text}");
    }
    admin.stop().await;
}

/// A Prometheus that scrapes one service with our rules.
struct Prometheus {
    _process: Child,
    _directory: tempfile::TempDir,
    raw: RawClient,
}

impl Prometheus {
    async fn start(target: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = std::fs::read_to_string(deploy("prometheus/prometheus.yml")).unwrap();
        let config = config.replace("127.0.0.1:8001", target).replace("15s", "1s");
        std::fs::write(directory.path().join("prometheus.yml"), config).unwrap();
        let rules = std::fs::read_to_string(deploy("prometheus/rules.yml")).unwrap();
        let rules = rules.replace("interval: 30s", "interval: 1s");
        std::fs::write(directory.path().join("rules.yml"), rules).unwrap();
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", directory.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={free}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let listening = async || tokio::net::TcpStream::connect(free).await.ok().map(drop);
        eventually(listening).await;
        let raw = RawClient::new(free);
        let ready =
            async || (raw.get("/-/ready").await.status == http::StatusCode::OK).then_some(());
        eventually(ready).await;
        Self { _process: process, _directory: directory, raw }
    }

    async fn ask(&self, path: &str) -> Value {
        let reply = self.raw.get(&format!("/api/v1/{path}")).await;
        assert_eq!(reply.status, http::StatusCode::OK, "{path}: {:?}", reply.body);
        reply.json()["data"].clone()
    }

    async fn query(&self, expression: &str) -> Value {
        let escaped: String = expression
            .bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect();
        self.ask(&format!("query?query={escaped}")).await["result"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_takes_metrics_rules_and_the_dashboards_queries() {
    let runs = async |name: &str| Command::new(name).arg("--version").output().await.is_ok();
    if !runs("promtool").await || !runs("prometheus").await {
        return skip("no prometheus (apt-get install prometheus)");
    }
    let rules = deploy("prometheus/rules.yml");
    let said = promtool(&["check", "rules", rules.to_str().unwrap()], b"").await;
    assert!(said.contains("rules found"), "{said}");
    let admin = busy().await;
    let metrics = admin.raw.get("/metrics").await.body;
    let (listener, _raw) = admin.another(0).await;
    let prometheus = Prometheus::start(&listener.addr().to_string()).await;
    let scraped = async || {
        let result = prometheus.query("foreshard_partition_score{table=\"things\"}").await;
        (result.as_array()?.len() == 2).then_some(())
    };
    eventually(scraped).await;
    let evaluated = async || {
        let groups = prometheus.ask("rules").await;
        let rules = groups["groups"][0]["rules"].as_array()?.clone();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    };
    for rule in eventually(evaluated).await {
        assert_eq!(rule["health"], "ok", "{rule}");
        assert_ne!(rule["state"], "firing", "nothing is wrong: {rule}");
    }
    let dashboard = std::fs::read(deploy("grafana/foreshard.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&dashboard).unwrap();
    let mut known = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            let expression = expression.replace("$instance", ".*").replace("$table", ".*");
            // What it names is there, whether or not it has a value yet.
            for name in expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                let Some(name) = name.strip_prefix("foreshard_") else { continue };
                let base = ["_total", "_bucket", "_count"]
                    .iter()
                    .fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
                let text = String::from_utf8_lossy(&metrics);
                assert!(text.contains(&format!("# TYPE foreshard_{base} ")), "{name}");
                known += 1;
            }
            prometheus.query(&expression).await;
        }
    }
    assert!(known > 20, "{known}");
    listener.shutdown().await;
    admin.stop().await;
}
