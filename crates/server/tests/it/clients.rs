//! Unmodified clients that are programs of their own: boto3, the AWS CLI, the AWS SDK for JavaScript.
//!
//! `make test` fetches them (`.venv`, and `node_modules` beside the suite). Without boto3 its test
//! fails, unless `FORESHARD_SKIP_BOTO3=1` says that it may not run. The others are skipped if they are
//! not there, with a word of it, unless `FORESHARD_NEED_CLIENTS=1` (as in CI) says that they must be.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::support::TestServer;

/// A file below this crate's tests.
pub(crate) fn suite(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| value == "1")
}

/// The Python to use, if there is one.
pub(crate) fn python() -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("FORESHARD_PYTHON") {
        return Some(python.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Some(workspace.join(".venv/bin/python")).filter(|python| python.exists())
}

/// Says that a test cannot run, or fails if it must.
pub(crate) fn skip(missing: &str) {
    assert!(!is_set("FORESHARD_NEED_CLIENTS"), "{missing}, and FORESHARD_NEED_CLIENTS=1");
    eprintln!("skipped: {missing}");
}

/// Runs a suite and expects it to end well and to say `said`.
pub(crate) async fn passes(program: impl AsRef<OsStr>, arguments: &[&OsStr], expected: &str) {
    let program = Path::new(program.as_ref());
    let output = Command::new(program).args(arguments).output().await;
    let output = output.unwrap_or_else(|error| {
        panic!("{} cannot be started: {error}", program.display());
    });
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains(expected), "{said}\n{complained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_what_it_expects() {
    if is_set("FORESHARD_SKIP_BOTO3") {
        eprintln!("skipped: FORESHARD_SKIP_BOTO3=1");
        return;
    }
    let python = python().expect(
        "no Python with boto3: run `make test`, or set FORESHARD_PYTHON, or set \
         FORESHARD_SKIP_BOTO3=1 to go without this test",
    );
    let server = TestServer::start().await;
    let (suite, endpoint) = (suite("python/boto3_suite.py"), format!("http://{}", server.addr()));
    let arguments = [suite.as_os_str(), "--endpoint".as_ref(), endpoint.as_ref()];
    passes(python, &arguments, "checks passed").await;
    server.stop().await;
}

/// The AWS CLI beside the Python (version 1, from PyPI) and the one on the path, if that is version 2.
async fn command_lines(python: &Path) -> Vec<PathBuf> {
    let beside = python.with_file_name("aws");
    let mut found: Vec<PathBuf> = beside.exists().then_some(beside).into_iter().collect();
    for path in [PathBuf::from("aws"), PathBuf::from("/usr/bin/aws")] {
        let version = Command::new(&path).arg("--version").output().await;
        if version.is_ok_and(|said| said.stdout.starts_with(b"aws-cli/2")) {
            found.push(path);
            break;
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_finds_what_it_expects() {
    let Some(python) = python() else {
        return skip("no Python: run `make test`");
    };
    let found = command_lines(&python).await;
    if found.is_empty() {
        return skip("no AWS CLI: run `make test`, or install version 2");
    }
    let server = TestServer::start().await;
    let (suite, endpoint) = (suite("python/cli_suite.py"), format!("http://{}", server.addr()));
    for aws in found {
        println!("{}", aws.display());
        let options = ["--aws".as_ref(), aws.as_os_str(), "--endpoint".as_ref(), endpoint.as_ref()];
        let arguments = [&[suite.as_os_str()], options.as_slice()].concat();
        passes(&python, &arguments, "everything as expected").await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_javascript_finds_what_it_expects() {
    let has_node = Command::new("node").arg("--version").output().await.is_ok();
    if !has_node || !suite("javascript/node_modules/@aws-sdk").exists() {
        return skip(
            "no node or no AWS SDK for JavaScript: `make test` fetches it if npm is there",
        );
    }
    let server = TestServer::start().await;
    let (suite, endpoint) = (suite("javascript/suite.mjs"), format!("http://{}", server.addr()));
    passes("node", &[suite.as_os_str(), endpoint.as_ref()], "5 of 5 checks passed").await;
    server.stop().await;
}
