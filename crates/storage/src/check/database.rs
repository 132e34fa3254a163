//! Partitions: each has its database, all of it can be read, and all of it lies in its range.
//!
//! A partition that was replaced may be half deleted already; it matters only as long as it lends
//! files, and those are read through whoever borrows them.

use super::catalog::Catalog;
use super::files::check_file;
use super::log::Log;
use super::{Check, RESTORE};
use crate::engine::files::ShownFile;
use crate::engine::{Engine, own_log_file};
use crate::map::{AXIS_END, may_hold};
use crate::record::table::{PartitionRecord, TableState};
use crate::settings::LogKind;
use object_store::path::Path;
use slatedb::admin::AdminBuilder;
use slatedb::{VersionedManifest, WalReader};
use std::collections::HashSet;
use types::KeyRange;

/// Reads every partition that serves; answers which databases they borrow files from.
pub(super) async fn check_all(
    check: &mut Check,
    catalog: &Catalog,
    log: Option<&Log>,
) -> HashSet<Path> {
    let mut lenders = HashSet::new();
    for table in catalog.active() {
        for partition in &table.partitions {
            let path = Engine::path(table.id, partition.id);
            check.report.read.partitions += 1;
            lenders.extend(check_partition(check, catalog, &path, partition, log).await);
        }
    }
    lenders
}

/// Looks at the partitions that were replaced.
pub(super) async fn check_retired(check: &mut Check, catalog: &Catalog, lenders: &HashSet<Path>) {
    for table in catalog.tables.iter().filter(|table| table.state != TableState::Dropped) {
        for retired in &table.retired {
            check.report.read.retired += 1;
            let path = Engine::path(table.id, retired.id);
            if lenders.contains(&path) {
                // It says so itself if there is none.
                let _ = read_manifest(check, &path).await;
            }
        }
    }
}

/// The newest manifest of a database that has to be there.
async fn read_manifest(check: &mut Check, path: &Path) -> Option<VersionedManifest> {
    let admin = AdminBuilder::new(path.clone(), check.store.clone()).build();
    match admin.read_manifest(None).await {
        Ok(Some(manifest)) if manifest.initialized() => return Some(manifest),
        Ok(Some(_)) => {
            check.report.damaged(path, "its database is the beginning of a clone only", RESTORE);
        }
        Ok(None) => {
            let what = "the catalog names this partition, but its database is missing";
            check.report.damaged(path, what, RESTORE);
        }
        Err(error) => {
            let what = format!("its manifest cannot be read: {error}");
            check.report.damaged(path, what, RESTORE);
        }
    }
    None
}

/// Whether a file of a partition that owns `range` may show these keys. Of one that holds records of the
/// reserved area, too, its last key says nothing of the others.
fn may_show(range: &KeyRange, shown: &KeyRange) -> bool {
    match &shown.end {
        Some(end) if **end > AXIS_END[..] => may_hold(range, &shown.start),
        _ => range.covers(shown),
    }
}

async fn check_partition(
    check: &mut Check,
    catalog: &Catalog,
    path: &Path,
    partition: &PartitionRecord,
    log: Option<&Log>,
) -> Vec<Path> {
    let Some(manifest) = read_manifest(check, path).await else {
        return Vec::new();
    };
    let range = partition.range();
    for file in ShownFile::all(&manifest, path) {
        check_file(check, &file).await;
        if !may_show(&range, &file.shown) {
            let what = format!(
                "it shows keys from {} on, which reach out of its range",
                file.shown.start.escape_ascii()
            );
            check.report.damaged(format!("{path} ({})", file.path()), what, RESTORE);
        }
    }
    if let Some(log) = log {
        log.check_database(check, path, &manifest, &range).await;
    }
    match catalog.log {
        Some(LogKind::Engine) => read_own_log(check, path, &manifest, &range).await,
        Some(LogKind::Node) => refuse_own_log(check, path).await,
        None => {}
    }
    let lenders = manifest.external_dbs().iter();
    lenders.map(|lender| Path::from(lender.path.as_str())).collect()
}

/// A database on the node log has none of its own, or was opened without it.
async fn refuse_own_log(check: &mut Check, path: &Path) {
    match own_log_file(&check.store, path).await {
        Ok(None) => {}
        Ok(Some(file)) => {
            let what = "it was opened without the log of this store, and has a log of its own";
            check.report.damaged(file, what, RESTORE);
        }
        Err(error) => check.report.damaged(path, error, RESTORE),
    }
}

/// Reads the engine's own log of a database as far as a start would replay it.
async fn read_own_log(
    check: &mut Check,
    path: &Path,
    manifest: &VersionedManifest,
    range: &KeyRange,
) {
    let reader = WalReader::new(path.clone(), check.store.clone());
    let files = match reader.list(manifest.replay_after_wal_id() + 1..).await {
        Ok(files) => files,
        Err(error) => return check.report.damaged(path, error, RESTORE),
    };
    for file in files {
        let mut rows = match file.iterator().await {
            Ok(rows) => rows,
            Err(error) => {
                check.report.damaged(path, format!("log file {}: {error}", file.id), RESTORE);
                continue;
            }
        };
        loop {
            match rows.next().await {
                Ok(Some(row)) if may_hold(range, &row.key) => check.report.read.log_rows += 1,
                Ok(Some(row)) => {
                    let what = format!(
                        "log file {} has a key outside of the partition's range: {}",
                        file.id,
                        row.key.escape_ascii()
                    );
                    check.report.damaged(path, what, RESTORE);
                    break;
                }
                Ok(None) => break,
                Err(error) => {
                    check.report.damaged(path, format!("log file {}: {error}", file.id), RESTORE);
                    break;
                }
            }
        }
    }
}
