//! `foreshard tune` as a user meets it.

use std::process::{Command, Output};

fn tune(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command.arg("tune").args(arguments).output().expect("the binary runs")
}

#[test]
fn all_are_compared_and_the_same_seed_gives_the_same_bytes() {
    let arguments = ["--workload", "constant", "--compare", "--train-days", "3", "--days", "2"];
    let json = [&arguments[..], &["--json"]].concat();
    let directory = tempfile::tempdir().expect("a directory");
    let kept = [&json[..], &["--resume", directory.path().to_str().expect("text")]].concat();
    let (once, again) = (tune(&json), tune(&kept));
    assert!(once.status.success(), "{}", String::from_utf8_lossy(&once.stderr));
    assert_eq!(once.stdout, again.stdout);
    let files = std::fs::read_dir(directory.path()).expect("it is there").count();
    assert_eq!(
        (files, tune(&kept).stdout),
        (1, once.stdout.clone()),
        "taken from where it is kept"
    );
    let document: serde_json::Value = serde_json::from_slice(&once.stdout).expect("one document");
    let rows = document["cases"][0]["rows"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["defaults", "grid", "learner", "learner-by-context", "oracle"]);
    assert!(rows.iter().all(|row| row["costs"].as_array().is_some_and(|days| days.len() == 2)));
    let text = String::from_utf8(tune(&arguments).stdout).expect("text");
    assert!(text.contains("| constant | learner |"), "{text}");
}

#[test]
fn what_is_wrong_is_one_line() {
    let trace = concat!(env!("CARGO_MANIFEST_DIR"), "/../../traces/online-retail.csv.gz");
    let short = tune(&["--trace", trace, "--history-days", "2"]);
    assert_eq!(short.status.code(), Some(1));
    let text = String::from_utf8(short.stderr).expect("text");
    assert!(text.starts_with("foreshard: tune: ") && text.lines().count() == 1, "{text}");
    let price = tune(&["--workload", "constant", "--price-partition-hour", "-1"]);
    assert!(!price.status.success());
}
