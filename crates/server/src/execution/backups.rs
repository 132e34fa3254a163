//! CreateBackup, DescribeBackup, ListBackups, DeleteBackup, RestoreTableFromBackup.
//!
//! As with tables, replies come when the work is done and show the state at its beginning: a backup is CREATING in
//! the reply of CreateBackup and AVAILABLE for the next DescribeBackup. Points in time are backups, too, that
//! only this service knows of (`continuous`).

use std::sync::Arc;

use dynamodb::{
    ApiError, BackupKind, BackupNote, BackupRequest, BackupStatus, BackupView, Body, CreateBackup,
    Creation, ErrorKind, ListBackups, Origin, RestoreFromBackup, TableDefinition, TableSize,
    TableStatus, backup_in_use, backup_not_found, backup_number, table_description_response,
    table_in_use_for_backups,
};
use storage::{Backup, BackupState, NewTable, Storage, StorageError, Table};
use types::BackupId;

use super::{Executor, storage_failed, to_the_end};

impl Executor {
    pub(super) async fn create_backup(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = CreateBackup::parse(body)?;
        let name = request.table_name().to_owned();
        let table = self.for_backups(&name)?;
        let backups_max = self.settings.tables.backups_max;
        let shown = self.backups().iter().filter(|backup| backup.is_shown()).count();
        if shown >= backups_max {
            let message = format!("There are {shown} backups already; delete some first");
            return Err(ApiError::new(ErrorKind::LimitExceeded, message));
        }
        let made = self.back_up(table, request.note()).await?;
        Ok(made.create_response())
    }

    pub(super) fn describe_backup(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = BackupRequest::parse(body)?;
        Ok(self.backup_at(request.arn())?.describe_response())
    }

    pub(super) fn list_backups(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        Ok(ListBackups::parse(body)?.respond(self.backups().iter()))
    }

    pub(super) async fn delete_backup(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = BackupRequest::parse(body)?;
        let backup = self.backup_at(request.arn())?;
        let (storage, arn) = (Arc::clone(&self.storage), request.arn().to_owned());
        let id = BackupId(backup.number);
        to_the_end(async move {
            storage.delete_backup(id).await.map(drop).map_err(|error| failed(error, &arn))
        })
        .await?;
        Ok(backup.delete_response())
    }

    pub(super) async fn restore_from_backup(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = RestoreFromBackup::parse(body)?;
        let name = request.target_name().to_owned();
        self.check_target(&name)?;
        let backup = self.backup_at(request.backup_arn())?;
        if backup.status != BackupStatus::Available {
            return Err(backup_in_use(request.backup_arn()));
        }
        let origin = Origin { backup_arn: Some(backup.arn()), instant_ms: backup.taken_ms };
        let definition = request.define(&backup.table, origin, self.creation(&name))?;
        self.restore(&backup, definition).await
    }

    /// The table that a request about backups names.
    pub(super) fn for_backups(&self, name: &str) -> Result<Arc<Table>, ApiError> {
        let in_use = |status| matches!(status, TableStatus::Creating | TableStatus::Deleting);
        if self.states.of(name).is_some_and(|state| in_use(state.status)) {
            return Err(table_in_use_for_backups(name));
        }
        let served = self.tables.get(name)?;
        let served = served.ok_or_else(|| ApiError::table_not_found_for_backups(name))?;
        Ok(Arc::clone(&served.table))
    }

    /// Makes a backup of a table.
    pub(super) async fn back_up(
        &self,
        table: Arc<Table>,
        note: BackupNote,
    ) -> Result<BackupView, ApiError> {
        let storage = Arc::clone(&self.storage);
        to_the_end(async move { make_backup(&storage, &table, &note).await }).await
    }

    /// Refuses a name that a table is to be restored under and that is taken, and a table too many.
    pub(super) fn check_target(&self, name: &str) -> Result<(), ApiError> {
        if self.states.of(name).is_some_and(|state| state.status != TableStatus::Updating) {
            return Err(table_in_use_for_backups(name));
        }
        if self.storage.table(name).is_some() {
            return Err(ApiError::restore_target_exists(name));
        }
        self.check_table_count()
    }

    /// What the service adds to a new table's definition.
    pub(super) fn creation(&self, name: &str) -> Creation<'_> {
        let created_ms = self.now_ms();
        Creation {
            created_ms,
            uuid: self.table_uuid(name, created_ms),
            region: &self.settings.region,
            account: &self.settings.account,
        }
    }

    /// Makes the table that a backup is restored into.
    pub(super) async fn restore(
        &self,
        backup: &BackupView,
        definition: TableDefinition,
    ) -> Result<Vec<u8>, ApiError> {
        let name = definition.name.clone();
        let creating = self.states.begin(TableStatus::Creating, &definition);
        let creating = creating.map_err(|_| table_in_use_for_backups(&name))?;
        let new = NewTable {
            name: name.clone(),
            definition: definition.to_stored(),
            boundaries: Vec::new(),
        };
        let (storage, arn, id) = (Arc::clone(&self.storage), backup.arn(), BackupId(backup.number));
        to_the_end(async move {
            let _creating = creating;
            storage.restore_table(new, id).await.map(drop).map_err(|error| match error {
                StorageError::TableExists(_) => ApiError::restore_target_exists(&name),
                error => failed(error, &arn),
            })
        })
        .await?;
        let size = TableSize::default();
        Ok(table_description_response(&definition, TableStatus::Creating, size))
    }

    /// All backups, points in time among them, oldest first.
    pub(super) fn backups(&self) -> Vec<BackupView> {
        self.storage.backups().iter().filter_map(view).collect()
    }

    /// The backup that clients call `arn`.
    fn backup_at(&self, arn: &str) -> Result<BackupView, ApiError> {
        let backup = backup_number(arn).and_then(|number| self.storage.backup(BackupId(number)));
        let view = backup.as_ref().and_then(view).filter(BackupView::is_shown);
        // As with tables, region and account may be any.
        let named = |arn: &str| arn.split_once(":table/").map(|(_, named)| named.to_owned());
        view.filter(|view| view.status != BackupStatus::Deleted && named(&view.arn()) == named(arn))
            .ok_or_else(|| backup_not_found(arn))
    }
}

/// Makes a backup with this note.
pub(super) async fn make_backup(
    storage: &Storage,
    table: &Arc<Table>,
    note: &BackupNote,
) -> Result<BackupView, ApiError> {
    let made = storage.create_backup(table, note.to_stored()).await;
    let report = made.map_err(|error| match error {
        StorageError::NoSuchTable(name) => ApiError::table_not_found_for_backups(&name),
        error => storage_failed(error),
    })?;
    tracing::info!(
        table = table.name(), backup = %report.backup.id, hold_ms = report.hold_ms,
        total_ms = report.total_ms, "made a backup",
    );
    view(&report.backup).ok_or_else(|| ApiError::internal("the backup's note cannot be read"))
}

/// The note of the backup that is made of a table with point-in-time recovery when it is deleted.
pub(super) fn last_backup(name: &str, now_ms: i64) -> BackupNote {
    const KEPT_MS: i64 = 35 * 24 * 3_600_000;
    BackupNote {
        name: format!("{name}$DeletedTableBackup"),
        kind: BackupKind::System,
        expires_ms: Some(now_ms.saturating_add(KEPT_MS)),
    }
}

/// What is said of a backup; nothing if it was made by a later version of this program.
fn view(backup: &Backup) -> Option<BackupView> {
    let note = BackupNote::from_stored(&backup.note);
    let table = TableDefinition::from_stored(&backup.definition);
    let (Some(note), Ok(table)) = (note, table) else {
        tracing::warn!(backup = %backup.id, "a backup's note or definition cannot be read");
        return None;
    };
    Some(BackupView {
        number: backup.id.0,
        note,
        begun_ms: backup.begun_ms,
        taken_ms: backup.taken_ms,
        status: match backup.state {
            BackupState::Making => BackupStatus::Creating,
            BackupState::Whole => BackupStatus::Available,
            BackupState::Deleting => BackupStatus::Deleted,
        },
        bytes: backup.bytes,
        table,
    })
}

/// A failure with the backup that clients call `arn`.
fn failed(error: StorageError, arn: &str) -> ApiError {
    match error {
        StorageError::NoSuchBackup(_) => backup_not_found(arn),
        StorageError::BackupInUse(_) => backup_in_use(arn),
        error => storage_failed(error),
    }
}
