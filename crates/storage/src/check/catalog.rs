//! The catalog: every version of every record that is kept, the invariants of each, and the steps
//! from one to the next.
//!
//! The newest version is the record. Older ones are kept for people; one that is damaged costs
//! nothing, but a disk that changed it may have changed more.

use super::{Check, RESTORE, backups};
use crate::catalog::{CATALOG, STORE, TABLES};
use crate::error::{Result, StorageError};
use crate::invariants;
use crate::record::DatabaseId;
use crate::record::backup::BackupRecord;
use crate::record::store::StoreRecord;
use crate::record::table::{TableRecord, TableState};
use crate::record::{self, Record};
use crate::settings::LogKind;
use crate::versioned::VERSIONS_KEPT;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::HashSet;

const OLD_VERSION: &str =
    "nothing reads it, but find out what the disk did before you go on, and delete it then";

/// What the catalog names, as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) log: Option<LogKind>,
    /// The newest record of every name, tables that are gone included.
    pub(super) tables: Vec<TableRecord>,
    pub(super) backups: Vec<BackupRecord>,
    /// Whether every record could be read: if not, who knows what belongs to whom.
    pub(super) complete: bool,
}

impl Catalog {
    /// The tables that serve.
    pub(super) fn active(&self) -> impl Iterator<Item = &TableRecord> {
        self.tables.iter().filter(|table| table.state == TableState::Active)
    }

    /// Every database that somebody names.
    pub(super) fn named(&self) -> HashSet<DatabaseId> {
        let by_tables = self.tables.iter().flat_map(TableRecord::needs);
        by_tables.chain(self.backups.iter().flat_map(BackupRecord::databases)).collect()
    }
}

/// Reads all of it.
pub(super) async fn read(check: &mut Check) -> Catalog {
    let mut catalog = Catalog { complete: true, ..Catalog::default() };
    let names = match check.directories(TABLES).await {
        Ok(names) => names,
        Err(error) => {
            check.report.damaged(TABLES, error, RESTORE);
            catalog.complete = false;
            return catalog;
        }
    };
    let store = read_store(check, !names.is_empty()).await;
    catalog.complete &= store.is_some();
    catalog.log = store.as_ref().map(|store| store.log);
    for path in names {
        match read_table(check, &path).await {
            Some(table) => catalog.tables.push(table),
            None => catalog.complete = false,
        }
    }
    tables_are_numbered(check, store.as_ref(), &catalog.tables);
    match backups::read(check).await {
        Some(backups) => catalog.backups = backups,
        None => catalog.complete = false,
    }
    let active = catalog.active();
    check.report.read.tables = active.count() as u64;
    catalog
}

/// The store's own record. A store that was never used has none.
async fn read_store(check: &mut Check, has_tables: bool) -> Option<StoreRecord> {
    let versions: Vec<(u64, StoreRecord)> = read_versions(check, STORE).await?;
    let newest = versions.into_iter().next_back().map(|(_, record)| record);
    let used = has_tables || check.root.join(CATALOG).exists() || check.root.join("data").exists();
    if newest.is_none() && used {
        check.report.damaged(STORE, "the store's record is missing", RESTORE);
    }
    newest
}

async fn read_table(check: &mut Check, path: &Path) -> Option<TableRecord> {
    let versions: Vec<(u64, TableRecord)> = read_versions(check, path.as_ref()).await?;
    let mut before: Option<&TableRecord> = None;
    for (version, record) in &versions {
        if let Err(reason) = invariants::check(before, record) {
            check.report.damaged(format!("{path}/{version:020}"), reason, RESTORE);
        }
        before = Some(record);
    }
    let Some((_, newest)) = versions.into_iter().next_back() else {
        check.report.damaged(path, "no version of the record is there", RESTORE);
        return None;
    };
    if path.filename() != Some(newest.name.as_str()) {
        let what = format!("it is the record of a table named {:?}", newest.name);
        check.report.damaged(path, what, RESTORE);
    }
    if newest.state == TableState::Dropping {
        let what = "the table was being dropped";
        check.report.harmless(path, what, "nothing to do: the next start finishes it");
    }
    if newest.reslice.is_some() && newest.state == TableState::Active {
        let what = "a reslice was under way";
        check.report.harmless(path, what, "nothing to do: the next start undoes it");
    }
    if newest.rekey.is_some() && newest.state == TableState::Active {
        let what = "a rekey was under way";
        check.report.harmless(path, what, "nothing to do: it goes on after the next start");
    }
    Some(newest)
}

/// All versions of a record that are kept, oldest first; `None` if the newest cannot be read.
async fn read_versions<R: Record>(check: &mut Check, prefix: &str) -> Option<Vec<(u64, R)>> {
    let numbers = match list_versions(check, prefix).await {
        Ok(numbers) => numbers,
        Err(error) => {
            check.report.damaged(prefix, error, RESTORE);
            return None;
        }
    };
    let newest = numbers.last().copied().unwrap_or(0);
    let kept = (newest + 1).saturating_sub(VERSIONS_KEPT).max(1);
    for missing in (kept..newest).filter(|version| !numbers.contains(version)) {
        let place = format!("{prefix}/{missing:020}");
        check.report.damaged(place, "this version is missing", OLD_VERSION);
    }
    let mut versions = Vec::new();
    for version in numbers {
        let path = Path::from(format!("{prefix}/{version:020}"));
        match read_record(check, &path).await {
            Ok(record) => versions.push((version, record)),
            Err(error) if version == newest => {
                check.report.damaged(path, error, RESTORE);
                return None;
            }
            Err(error) => {
                check.report.damaged(path, error, OLD_VERSION);
                // What follows cannot be compared with it.
                versions.clear();
            }
        }
    }
    Some(versions)
}

pub(super) async fn list_versions(check: &mut Check, prefix: &str) -> Result<Vec<u64>> {
    let listed = check.store.list_with_delimiter(Some(&Path::from(prefix))).await;
    let listed = listed.map_err(StorageError::store(format!("listing {prefix}")))?;
    let mut numbers = Vec::new();
    for object in listed.objects {
        match object.location.filename().and_then(|name| name.parse().ok()) {
            Some(number) => numbers.push(number),
            None => {
                let what = "it is not a version of a catalog object, and no start goes past it";
                check.report.damaged(object.location, what, "move it away if you know what it is");
            }
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) async fn read_record<R: Record>(check: &Check, path: &Path) -> Result<R> {
    let reading = || StorageError::store(format!("reading {path}"));
    let stored = check.store.get(path).await.map_err(reading())?;
    let stored = stored.bytes().await.map_err(reading())?;
    Ok(record::decode(path.as_ref(), &stored)?.1)
}

/// No two tables have one number, and each was given out by the store's counter.
fn tables_are_numbered(check: &mut Check, store: Option<&StoreRecord>, tables: &[TableRecord]) {
    let mut seen = HashSet::new();
    for table in tables {
        let place = format!("{TABLES}/{}", table.name);
        if !seen.insert(table.id) {
            let what = format!("another table has its number {}, too", table.id);
            check.report.damaged(&place, what, RESTORE);
        }
        if store.is_some_and(|store| table.id.0 >= store.next_table) {
            let what = format!("its number {} was never given out", table.id);
            check.report.damaged(&place, what, RESTORE);
        }
    }
}
