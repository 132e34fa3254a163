//! `foreshard bench` against `foreshard serve`.

use crate::process::Service;
use serde_json::Value;
use std::process::Stdio;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn bench_reports_one_document_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(directory.path()).await;
    for workload in ["put", "get", "query", "mixed"] {
        let output = Command::new(env!("CARGO_BIN_EXE_foreshard"))
            .args(["bench", "--json", "--seconds", "1", "--items", "200", "--connections", "4"])
            .args(["--workload", workload, "--endpoint", service.http.api()])
            .stderr(Stdio::inherit())
            .output()
            .await
            .unwrap();
        assert!(output.status.success());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["operations"].as_u64().unwrap() > 0, "{report}");
        assert_eq!(report["errors"], 0, "{report}");
        let latency = &report["latency_ms"];
        assert!(latency["p50"].as_f64() <= latency["max"].as_f64(), "{report}");
    }
    let tables = service.http.ok("ListTables", serde_json::json!({})).await;
    assert_eq!(tables["TableNames"], serde_json::json!([]));
}
