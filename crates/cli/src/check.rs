//! `foreshard check`: reads a stopped store and says what is wrong with it.
//!
//! What is looked at is `storage`'s business; here it becomes lines, or one JSON document, and an exit
//! code.

use std::path::PathBuf;
use std::process::ExitCode;
use storage::{CheckCounts, CheckReport, Severity, Storage, StorageError};

/// What `foreshard check` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The data directory; no service may have it open
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// The exit code of a store that is not what was written.
const DAMAGED: u8 = 1;
/// The exit code when nothing could be checked: no store there, or one that is in use.
const NOT_CHECKED: u8 = 2;

/// Checks the store.
pub(crate) async fn run(args: Args) -> ExitCode {
    let report = match Storage::check(&args.data).await {
        Ok(report) => report,
        Err(error) => {
            eprintln!("foreshard: nothing was checked: {}", reason(error));
            return ExitCode::from(NOT_CHECKED);
        }
    };
    match args.json {
        true => println!("{}", document(&report)),
        false => report.findings.iter().for_each(|finding| println!("{finding}")),
    }
    if !args.json {
        println!("{}", summary(&report));
    }
    match report.is_whole() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(DAMAGED),
    }
}

fn reason(error: StorageError) -> String {
    match error {
        StorageError::Locked(directory) => {
            format!("{} is in use by a running service: stop it first", directory.display())
        }
        other => other.to_string(),
    }
}

fn document(report: &CheckReport) -> serde_json::Value {
    serde_json::json!({
        "whole": report.is_whole(),
        "findings": report.findings,
        "read": report.read,
    })
}

fn summary(report: &CheckReport) -> String {
    let CheckCounts { tables, partitions, retired, files, file_rows, .. } = report.read;
    let CheckCounts { log_segments, log_frames, log_rows, backups, blobs, .. } = report.read;
    let damaged = report.findings.iter().filter(|f| f.severity == Severity::Damaged).count();
    let verdict = match damaged {
        0 => "whole".to_owned(),
        1 => "damaged in 1 place".to_owned(),
        n => format!("damaged in {n} places"),
    };
    format!(
        "{verdict}: read tables: {tables}, partitions: {partitions} (and {retired} retired), sorted \
         files: {files} with {file_rows} rows, log segments: {log_segments} with {log_frames} \
         groups, rows in the log only: {log_rows}, backups: {backups}, blobs: {blobs}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_whether_the_store_is_whole() {
        let report = CheckReport::default();
        assert!(summary(&report).starts_with("whole: read tables: 0, "));
        assert_eq!(document(&report)["whole"], true);
        assert!(reason(StorageError::Locked("/data".into())).contains("/data is in use"));
    }
}
