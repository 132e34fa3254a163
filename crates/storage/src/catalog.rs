//! The catalog: which tables there are, and what belongs to each.
//!
//! It names everything that the store has; what it does not name is garbage. All changes are
//! compare-and-set writes of one object ([`versioned`](crate::versioned)), checked against the
//! [`invariants`] first. Nothing here opens a database.

use crate::error::{Result, StorageError};
use crate::invariants;
use crate::record::backup::BackupRecord;
use crate::record::store::StoreRecord;
use crate::record::table::{TableRecord, TableState};
use crate::settings::LogKind;
use crate::versioned::{CatalogContext, VersionedObject};
use object_store::path::Path;
use std::sync::Arc;
use types::{BackupId, TableId};

/// Where the catalog's objects are, relative to the store's root.
pub(crate) const CATALOG: &str = "catalog";
pub(crate) const STORE: &str = "catalog/store";
pub(crate) const TABLES: &str = "catalog/tables";
pub(crate) const BACKUPS: &str = "catalog/backups";
/// The longest name of a table; the limit of DynamoDB.
const NAME_BYTES_MAX: usize = 255;

/// The catalog of one store.
#[derive(Debug)]
pub(crate) struct Catalog {
    context: Arc<CatalogContext>,
    store: VersionedObject<StoreRecord>,
}

impl Catalog {
    /// Opens the catalog; makes one if the store is new. The store must have, or gets, a log of
    /// the kind `log`.
    pub(crate) async fn open(
        context: Arc<CatalogContext>,
        now_ms: i64,
        log: LogKind,
    ) -> Result<Self> {
        let store = VersionedObject::load(context.clone(), STORE.to_owned()).await?;
        let catalog = Self { context, store };
        let record = catalog.store.record().await?;
        if let Some(record) = &record {
            check_log(record, log)?;
            catalog.store.claim().await?;
        } else {
            if !catalog.table_names().await?.is_empty() {
                let reason = "is missing although there are tables".to_owned();
                return Err(StorageError::Corrupt { path: STORE.to_owned(), reason });
            }
            let first = StoreRecord { created_ms: now_ms, next_table: 1, log, next_backup: 1 };
            catalog.store.write(|_| Ok((first, ()))).await?;
        }
        Ok(catalog)
    }

    /// A number that no table has had.
    pub(crate) async fn take_table_id(&self) -> Result<TableId> {
        self.take(|record| &mut record.next_table).await.map(TableId)
    }

    /// A number that no backup has had.
    pub(crate) async fn take_backup_id(&self) -> Result<BackupId> {
        self.take(|record| &mut record.next_backup).await.map(BackupId)
    }

    async fn take(&self, counter: fn(&mut StoreRecord) -> &mut u64) -> Result<u64> {
        let missing =
            || StorageError::Corrupt { path: STORE.to_owned(), reason: "is missing".to_owned() };
        self.store
            .write(|record| {
                let mut record = record.ok_or_else(missing)?.clone();
                let next = counter(&mut record);
                let taken = *next;
                *next += 1;
                Ok((record, taken))
            })
            .await
    }

    /// The number that the next table gets. Tables that have it, or later ones, were made by a process
    /// that has taken over since.
    pub(crate) async fn next_table(&self) -> Result<u64> {
        Ok(self.store.record().await?.map_or(1, |record| record.next_table))
    }

    /// Makes sure that no other process has taken the store over.
    pub(crate) async fn confirm(&self) -> Result<()> {
        self.store.confirm().await
    }

    /// Every name that was ever used.
    pub(crate) async fn table_names(&self) -> Result<Vec<String>> {
        self.names(TABLES).await
    }

    /// The numbers of all backups that there is anything of.
    pub(crate) async fn backup_ids(&self) -> Result<Vec<BackupId>> {
        let names = self.names(BACKUPS).await?;
        let number = |name: &String| {
            name.parse().map(BackupId).map_err(|_| StorageError::Corrupt {
                path: format!("{BACKUPS}/{name}"),
                reason: "is not the number of a backup".to_owned(),
            })
        };
        names.iter().map(number).collect()
    }

    /// The record of a backup, which may not exist yet.
    pub(crate) async fn backup(&self, id: BackupId) -> Result<VersionedObject<BackupRecord>> {
        VersionedObject::load(self.context.clone(), format!("{BACKUPS}/{}", id.0)).await
    }

    async fn names(&self, below: &str) -> Result<Vec<String>> {
        let listed = self
            .context
            .store()
            .list_with_delimiter(Some(&Path::from(below)))
            .await
            .map_err(StorageError::store(format!("listing {below}")))?;
        let name = |path: &Path| path.filename().map(str::to_owned);
        Ok(listed.common_prefixes.iter().filter_map(name).collect())
    }

    /// The record of a name, which may not exist yet.
    pub(crate) async fn table(&self, name: &str) -> Result<TableObject> {
        let prefix = format!("{TABLES}/{name}");
        let object = VersionedObject::load(self.context.clone(), prefix).await?;
        Ok(TableObject { object, name: name.to_owned() })
    }
}

/// A table's record in the catalog.
#[derive(Debug)]
pub(crate) struct TableObject {
    object: VersionedObject<TableRecord>,
    name: String,
}

impl TableObject {
    /// The newest record, if the name was ever used.
    pub(crate) async fn record(&self) -> Result<Option<TableRecord>> {
        self.object.record().await
    }

    /// Takes the record away from a process that may still have it open.
    pub(crate) async fn claim(&self) -> Result<()> {
        match self.object.record().await? {
            Some(record) if record.state != TableState::Dropped => self.object.claim().await,
            _ => Ok(()),
        }
    }

    /// Makes sure that no other process has taken the table over.
    pub(crate) async fn confirm(&self) -> Result<()> {
        self.object.confirm().await
    }

    /// Writes the first record of a table; the name must be free.
    pub(crate) async fn create(&self, record: TableRecord) -> Result<()> {
        self.object
            .write(|before| {
                if before.is_some_and(|before| before.state != TableState::Dropped) {
                    return Err(StorageError::TableExists(self.name.clone()));
                }
                self.check(before, &record)?;
                Ok((record, ()))
            })
            .await
    }

    /// Changes the record; if `change` fails, nothing is written.
    pub(crate) async fn update<T>(
        &self,
        change: impl FnOnce(&mut TableRecord) -> Result<T>,
    ) -> Result<T> {
        let answer = self.publish(change).await?;
        self.object.tidy().await;
        Ok(answer)
    }

    /// Removes versions that nobody needs any more.
    pub(crate) async fn tidy(&self) {
        self.object.tidy().await;
    }

    /// Changes the record while writers wait; [tidying](Self::tidy) is left for later.
    pub(crate) async fn publish<T>(
        &self,
        change: impl FnOnce(&mut TableRecord) -> Result<T>,
    ) -> Result<T> {
        self.object
            .write_only(|before| {
                let missing = || StorageError::NoSuchTable(self.name.clone());
                let before = before.ok_or_else(missing)?;
                let mut after = before.clone();
                let answer = change(&mut after)?;
                self.check(Some(before), &after)?;
                Ok((after, answer))
            })
            .await
    }

    fn check(&self, before: Option<&TableRecord>, after: &TableRecord) -> Result<()> {
        invariants::check(before, after).map_err(|reason| StorageError::Invariant {
            object: format!("{TABLES}/{}", self.name),
            reason,
        })
    }
}

/// A log cannot be changed for another: the newest writes are in it.
fn check_log(record: &StoreRecord, wanted: LogKind) -> Result<()> {
    match record.log == wanted {
        true => Ok(()),
        false => Err(StorageError::Refused(format!(
            "this data directory was made with the setting log = {has}, and cannot be opened with \
             log = {wanted}: set log to {has}, or choose another directory",
            has = record.log,
        ))),
    }
}

/// Table names become names of directories.
pub(crate) fn check_table_name(name: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(allowed) {
        return Err(StorageError::Refused(format!(
            "table name {name:?}: use 1 to {NAME_BYTES_MAX} of a-z, A-Z, 0-9, '_', '-' and '.'"
        )));
    }
    if name.bytes().all(|byte| byte == b'.') {
        return Err(StorageError::Refused(format!("table name {name:?}: use more than dots")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_directory_names_are_refused() {
        for good in ["a", "Orders-2024_eu.1", ".hidden"] {
            check_table_name(good).unwrap();
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a#1", &"x".repeat(256)] {
            assert!(check_table_name(bad).is_err(), "{bad:?}");
        }
    }
}
