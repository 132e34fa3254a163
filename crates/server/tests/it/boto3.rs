//! The unmodified boto3, as a Python program of its own (`tests/python/boto3_suite.py`).
//!
//! It needs a Python with boto3: the one named by `FORESHARD_PYTHON`, or the `.venv` of the
//! workspace. Without one this test fails, unless `FORESHARD_SKIP_BOTO3=1` says that it may not run.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::support::TestServer;

/// The Python to use, if there is one.
fn python() -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("FORESHARD_PYTHON") {
        return Some(python.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Some(workspace.join(".venv/bin/python")).filter(|python| python.exists())
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_what_it_expects() {
    if std::env::var("FORESHARD_SKIP_BOTO3").is_ok_and(|skip| skip == "1") {
        eprintln!("skipped: FORESHARD_SKIP_BOTO3=1");
        return;
    }
    let python = python().expect(
        "no Python with boto3: run `make test`, or set FORESHARD_PYTHON, or set \
         FORESHARD_SKIP_BOTO3=1 to go without this test",
    );
    let server = TestServer::start().await;
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/boto3_suite.py");
    let output = Command::new(&python)
        .arg(suite)
        .args(["--endpoint", &format!("http://{}", server.addr())])
        .output()
        .await
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", python.display()));
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("checks passed"), "{said}\n{complained}");
    server.stop().await;
}
