//! The node log: whole, and for each database rows that fit it.
//!
//! How damage is told from an unfinished write is the log's business (crate `nodelog`); what is
//! asked here is what a start would ask, and, beyond that, that rows are rows and lie in the range of
//! their partition.

use super::{Check, RESTORE};
use crate::engine::DATA;
use crate::map::may_hold;
use crate::settings::LogKind;
use crate::wal::{Facts, LOG, decode_rows, has_segments};
use nodelog::{DatabaseName, Disk, Files, Inspection, Location, LogError, inspect};
use object_store::path::Path;
use slatedb::VersionedManifest;
use std::io::ErrorKind;
use std::sync::Arc;
use types::KeyRange;

/// A node log that could be read.
#[derive(Clone, Debug)]
pub(super) struct Log {
    files: Arc<Files>,
    pub(super) seen: Arc<Inspection>,
}

/// Reads the log, if the store has one. Without the store's record, if there is one.
pub(super) async fn read(check: &mut Check, kind: Option<LogKind>) -> Option<Log> {
    let directory = check.root.join(LOG);
    let files = Arc::new(Files::read_only(&directory));
    let exists = match files.list() {
        Ok(files) => has_segments(&files),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => {
            check.report.damaged(LOG, error, RESTORE);
            return None;
        }
    };
    if kind == Some(LogKind::Engine) {
        return None;
    }
    if !exists {
        if kind == Some(LogKind::Node) && check.root.join(DATA).exists() {
            let what = "the log of all databases is missing, and with it their newest writes";
            check.report.damaged(LOG, what, RESTORE);
        }
        return None;
    }
    let log = files.clone();
    let seen = tokio::task::spawn_blocking(move || inspect(&*log)).await;
    match seen {
        Ok(Ok(seen)) => {
            tell(check, &seen);
            Some(Log { files, seen: Arc::new(seen) })
        }
        Ok(Err(error)) => {
            damaged(check, error);
            None
        }
        Err(stopped) => {
            check.report.damaged(LOG, stopped, RESTORE);
            None
        }
    }
}

fn tell(check: &mut Check, seen: &Inspection) {
    let read = &mut check.report.read;
    read.log_segments = seen.segments as u64;
    read.log_frames = seen.frames;
    read.log_bytes = seen.bytes;
    if let Some(torn) = &seen.torn {
        let place = format!("{LOG}/{} at offset {}", torn.file, torn.offset);
        let what = "the last write was never finished, and nobody was told of it";
        check.report.harmless(place, what, "nothing to do: the next start cuts it off");
    }
    for file in &seen.unfinished {
        let what = "the segment was never finished, and holds nothing";
        let advice = "nothing to do: the next start removes it";
        check.report.harmless(format!("{LOG}/{file}"), what, advice);
    }
    for file in &seen.strangers {
        let advice = "nothing reads it: move it away if you know what it is";
        check.report.harmless(format!("{LOG}/{file}"), "it is no part of the log", advice);
    }
}

fn damaged(check: &mut Check, error: LogError) {
    match error {
        LogError::Damaged { file, offset, reason } => {
            check.report.damaged(format!("{LOG}/{file} at offset {offset}"), reason, RESTORE);
        }
        LogError::Lost { database, reason } => {
            let what = format!("rows are missing from the log: {reason}");
            check.report.damaged(database, what, RESTORE);
        }
        other => check.report.damaged(LOG, other, RESTORE),
    }
}

impl Log {
    /// How many batches the log alone has of a database.
    pub(super) fn batches(&self, path: &Path) -> usize {
        let name = DatabaseName::new(path.as_ref()).ok();
        let found = name.and_then(|name| self.seen.databases.get(&name));
        found.map_or(0, |found| found.records.len())
    }

    /// Whether log and manifest fit, as a start asks, and whether the rows lie in the range.
    pub(super) async fn check_database(
        &self,
        check: &mut Check,
        path: &Path,
        manifest: &VersionedManifest,
        range: &KeyRange,
    ) {
        let name = DatabaseName::new(path.as_ref()).ok();
        let found = name.and_then(|name| self.seen.databases.get(&name)).cloned();
        if let Err(reason) = Facts::of(manifest).last_id(found.as_ref()) {
            let what = format!("log and database do not fit: rows are missing: {reason}");
            check.report.damaged(path, what, RESTORE);
        }
        let (files, range) = (self.files.clone(), range.clone());
        let records = found.map(|found| found.records).unwrap_or_default();
        let reading = tokio::task::spawn_blocking(move || read_rows(&files, &records, &range));
        match reading.await {
            Ok(Ok(rows)) => check.report.read.log_rows += rows,
            Ok(Err(what)) => {
                check.report.damaged(path, format!("in the log: {what}"), RESTORE);
            }
            Err(stopped) => check.report.damaged(path, stopped, RESTORE),
        }
    }
}

/// Counts the rows, or says what is wrong with the first that is wrong.
fn read_rows(files: &Files, records: &[Location], range: &KeyRange) -> Result<u64, String> {
    let mut count = 0;
    for record in records {
        let batch = record.read(files).map_err(|error| error.to_string())?;
        let rows = decode_rows(&batch, record.id);
        let rows = rows.ok_or_else(|| format!("record {} is no batch of rows", record.id))?;
        if let Some(outside) = rows.iter().find(|row| !may_hold(range, &row.key)) {
            return Err(format!(
                "record {} has a key outside of the partition's range: {}",
                record.id,
                outside.key.escape_ascii()
            ));
        }
        count += rows.len() as u64;
    }
    Ok(count)
}
