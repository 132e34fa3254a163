//! What the kernel sees of a PutItem: the log's frame is written and forced onto the disk before the
//! reply goes out. Needs `strace`, and says so if it is not there.

use crate::lifecycle::{create_table, item};
use crate::process::{Service, serve};
use serde_json::json;
use std::path::Path;
use tokio::process::Command;

const STRACE: &str = "strace";
/// A value that is found again in the bytes of the log.
const MARK: &str = "seen-by-the-kernel";

/// `foreshard serve` under `strace`, which is no parent of it (`-D`), so that signals reach it.
fn traced(directory: &Path, trace: &Path) -> Command {
    let serve = serve(directory);
    let mut command = Command::new(STRACE);
    command
        .args(["-D", "-f", "-y", "-s", "4096", "-e"])
        .arg("trace=pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg")
        .arg("-o")
        .arg(trace)
        .arg(serve.as_std().get_program())
        .args(serve.as_std().get_args())
        .kill_on_drop(true);
    command
}

/// The thread whose call a line is about.
fn thread(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

/// The line at which the call that begins at `begin` is over, and has succeeded.
fn end_of_sync(lines: &[&str], begin: usize) -> Option<usize> {
    if lines[begin].ends_with("= 0") {
        return Some(begin);
    }
    let same = |line: &&&str| thread(line) == thread(lines[begin]);
    let end = lines[begin + 1..].iter().position(|line| same(&line))? + begin + 1;
    let resumed = lines[end].contains("fdatasync resumed") && lines[end].ends_with("= 0");
    resumed.then_some(end)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_forced_onto_the_disk_before_the_reply() {
    let works = Command::new(STRACE).args(["-f", "true"]).output().await;
    if !works.is_ok_and(|done| done.status.success()) {
        println!("skipped: strace is not installed, or may not trace here");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let service = Service::start_with(traced(&directory.path().join("data"), &trace)).await;
    create_table(&service, "kept").await;
    service.http.ok("PutItem", json!({"TableName": "kept", "Item": item(MARK, 1)})).await;
    assert_eq!(service.terminate().await, Some(0));

    let trace = std::fs::read_to_string(&trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let after = |from: usize, is: &dyn Fn(&str) -> bool| {
        lines[from..].iter().position(|line| is(line)).map(|at| at + from)
    };
    let written = after(0, &|line| line.contains("pwrite64(") && line.contains(MARK));
    let written = written.expect("the item is written into a file");
    assert!(lines[written].contains("/data/log/0000000000000001.log>"), "{}", lines[written]);
    let of_the_log = |line: &str| line.contains("fdatasync(") && line.contains("/data/log/");
    let began = after(written + 1, &of_the_log).expect("the log is forced onto the disk");
    let forced = end_of_sync(&lines, began).expect("that succeeds");
    let replied = after(written, &|line| line.contains("HTTP/1.1 200 OK")).expect("a reply");
    assert!(forced < replied, "forced at line {forced}, replied at line {replied} of:\n{trace}");
}
