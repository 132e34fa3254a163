//! The files under `deploy/` that can be checked without what they are for.

use std::path::{Path, PathBuf};
use tokio::process::Command;

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file)
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_takes_the_unit() {
    let mut command = Command::new("systemd-analyze");
    if command.arg("--version").output().await.is_err() {
        eprintln!("skipped: no systemd-analyze");
        return;
    }
    let unit = std::fs::read_to_string(deploy("foreshard.service")).unwrap();
    let binary = "/usr/local/bin/foreshard";
    assert_eq!(unit.matches(binary).count(), 3, "{unit}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("foreshard.service");
    std::fs::write(&path, unit.replace(binary, env!("CARGO_BIN_EXE_foreshard"))).unwrap();
    let mut command = Command::new("systemd-analyze");
    let output = command.args(["verify", "--man=no"]).arg(&path).output().await.unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    // Of the settings that harden a service, nearly all are used: the scale ends at 10, "unsafe".
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=yes", "--threshold=20"]).arg(&path);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_container_configures_what_there_is() {
    let dockerfile = std::fs::read_to_string(deploy("Dockerfile")).unwrap();
    let compose = std::fs::read_to_string(deploy("compose.yaml")).unwrap();
    let variables = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let settings = words.filter(|word| word.starts_with("FORESHARD_") && word.contains("__"));
        settings.map(str::to_owned).collect::<Vec<_>>()
    };
    let named = [variables(&dockerfile), variables(&compose)].concat();
    assert!(named.len() >= 7, "{named:?}");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command.args(["config", "check", "--json"]);
    for name in named {
        let says = match name.rsplit("__").next().unwrap_or_default() {
            "LISTEN" => "0.0.0.0:0",
            "ROLE" => "operator",
            "FORMAT" => "json",
            _ => "0123456789abcdef",
        };
        command.env(name, says);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
