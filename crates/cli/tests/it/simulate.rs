//! `foreshard simulate` as a user meets it: documents to the byte, tables, exit codes.

use std::process::{Command, Output};

fn simulate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command.arg("simulate").args(arguments).output().expect("the binary runs")
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let arguments =
        ["--workload", "constant,batch-step", "--policy", "static,predictive", "--json"];
    let (once, again) = (simulate(&arguments), simulate(&arguments));
    assert!(once.status.success(), "{}", String::from_utf8_lossy(&once.stderr));
    assert_eq!(once.stdout, again.stdout);
    let document: serde_json::Value = serde_json::from_slice(&once.stdout).expect("one document");
    let runs = document["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 4);
    let fields = [
        "workload",
        "seed",
        "policy",
        "requests",
        "throttled",
        "throttled_share",
        "overload_minutes",
        "partition_hours",
        "actions",
        "needless_actions",
        "lead_seconds",
        "in_time_share",
    ];
    for run in runs {
        for field in fields {
            assert!(run.get(field).is_some(), "no {field} in {run}");
        }
        for action in ["split", "merge", "shift", "isolate", "rekey", "move"] {
            assert!(run["actions"][action].is_u64(), "no {action} in {run}");
        }
    }
    let other = simulate(&[
        "--workload",
        "batch-step",
        "--policy",
        "static",
        "--first-seed",
        "2",
        "--json",
    ]);
    assert!(!once.stdout.windows(other.stdout.len()).any(|part| part == other.stdout));
}

#[test]
fn a_trace_is_read_and_tables_are_printed() {
    let trace = concat!(env!("CARGO_MANIFEST_DIR"), "/../../traces/online-retail.csv.gz");
    let played = simulate(&["--trace", trace, "--days", "2", "--policy", "static,reactive-fast"]);
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
    let text = String::from_utf8(played.stdout).expect("text");
    assert!(text.starts_with("real: online-retail"), "{text}");
    assert!(text.contains("reactive-fast"));
}

#[test]
fn failures_are_one_line_and_have_their_exit_codes() {
    let missing = simulate(&["--rates", "no-such-file.csv"]);
    assert_eq!(missing.status.code(), Some(1));
    let text = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(text.trim_end().lines().count() == 1 && text.contains("no-such-file.csv"), "{text}");
    for wrong in [
        &["--workload", "nonsense"][..],
        &["--workload", "all", "--policy", "best"],
        &["--workload", "constant", "--trace", "x"],
        &[],
    ] {
        assert_eq!(simulate(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
