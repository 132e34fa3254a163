//! Backups are made and deleted, and restored into tables that are written to, backed up and dropped, too.

use super::super::model::Change;
use super::super::model::backups::Stage;
use super::{Broken, KEYS, Life, TABLE, Trouble, broken, name};
use std::sync::Arc;
use storage::{BackupState, NewTable, Storage, Table};
use types::BackupId;

const STEPS: u64 = 10;
/// They come while clients write.
const REST_MS_MAX: u64 = 600;
const BACKUPS_MAX: usize = 4;
/// The names of restored tables.
const RESTORED: [&str; 2] = ["again0", "again1"];
/// That of one that shows what a backup has, and is dropped.
const PROOF: &str = "proof";

impl Life {
    pub(super) async fn archive(&self, storage: &Arc<Storage>) -> Result<(), Broken> {
        for _ in 0..STEPS {
            self.rest(REST_MS_MAX).await;
            let restored = RESTORED[self.chance(RESTORED.len() as u64) as usize];
            let done = match self.chance(10) {
                0..3 => self.back_up(storage, TABLE).await,
                3 => self.back_up(storage, restored).await,
                4 => self.delete_backup(storage).await,
                5 => self.drop_restored(storage, restored).await,
                6 | 7 => self.restore(storage, restored).await,
                _ => self.use_restored(storage, restored).await,
            };
            self.after(done)?;
        }
        Ok(())
    }

    async fn back_up(&self, storage: &Arc<Storage>, name: &str) -> Result<(), Trouble> {
        let Some(table) = self.sure_table(storage, name) else { return Ok(()) };
        if self.model.lock().whole_backups().len() >= BACKUPS_MAX {
            return self.delete_backup(storage).await;
        }
        let tag = self.model.lock().begin_backup(name);
        let made = storage.create_backup(&table, tag.into()).await.map_err(Trouble::Failed)?;
        if made.backup.state != BackupState::Whole {
            return Err(broken(format!("{made:?}")));
        }
        self.model.lock().backup_is_whole(tag, made.backup.id);
        let mut report = self.report.lock();
        report.backups += 1;
        report.unchanged += made.unchanged as u64;
        Ok(())
    }

    /// A table of which nobody doubts that it is there.
    fn sure_table(&self, storage: &Arc<Storage>, name: &str) -> Option<Arc<Table>> {
        let change = self.model.lock().table(name).change;
        storage.table(name).filter(|_| change == Change::None)
    }

    /// One of the backups, if there is any: its tag, and its number.
    fn any_backup(&self) -> Option<(u64, BackupId)> {
        let model = self.model.lock();
        let whole = model.whole_backups();
        let at = self.chance(whole.len().max(1) as u64) as usize;
        let tag = *whole.get(at)?;
        Some((tag, model.backups.get(&tag)?.id?))
    }

    fn set_stage(&self, tag: u64, stage: Stage) {
        if let Some(backup) = self.model.lock().backups.get_mut(&tag) {
            backup.stage = stage;
        }
    }

    async fn delete_backup(&self, storage: &Arc<Storage>) -> Result<(), Trouble> {
        let Some((tag, id)) = self.any_backup() else { return Ok(()) };
        self.set_stage(tag, Stage::Deleting);
        storage.delete_backup(id).await.map_err(Trouble::Failed)?;
        self.set_stage(tag, Stage::Gone);
        self.report.lock().backups_deleted += 1;
        Ok(())
    }

    async fn restore(&self, storage: &Arc<Storage>, name: &str) -> Result<(), Trouble> {
        let is_free = {
            let mut model = self.model.lock();
            let known = model.table(name);
            !known.exists && known.change == Change::None
        };
        match self.any_backup().filter(|_| is_free) {
            Some((tag, id)) => self.restore_into(storage, name, tag, id).await,
            None => Ok(()),
        }
    }

    async fn restore_into(
        &self,
        storage: &Arc<Storage>,
        name: &str,
        tag: u64,
        id: BackupId,
    ) -> Result<(), Trouble> {
        let Some(backup) = storage.backup(id).filter(|b| b.state == BackupState::Whole) else {
            return Err(broken(format!("backup {id} is lost in a living process")));
        };
        self.model.lock().table(name).change = Change::Restoring(tag);
        let (name, boundaries) = (name.to_owned(), Vec::new());
        let new = NewTable { name, definition: backup.definition, boundaries };
        let table = storage.restore_table(new, id).await.map_err(Trouble::Failed)?;
        self.report.lock().restores += 1;
        self.adopt(&table, tag).await
    }

    async fn drop_restored(&self, storage: &Arc<Storage>, name: &str) -> Result<(), Trouble> {
        match self.sure_table(storage, name) {
            Some(_) => self.drop_table(storage, name).await,
            None => Ok(()),
        }
    }

    async fn use_restored(&self, storage: &Arc<Storage>, table: &str) -> Result<(), Trouble> {
        let Some(table) = self.sure_table(storage, table) else { return Ok(()) };
        for _ in 0..self.chance(4) {
            self.write_one(&table, &name(self.any(KEYS))).await?;
            self.get(&table, &name(self.any(KEYS))).await?;
        }
        Ok(())
    }

    /// Every backup that there is shows what it has to.
    pub(super) async fn prove_backups(&self, storage: &Arc<Storage>) -> Result<(), Broken> {
        let whole = self.model.lock().whole_backups();
        for tag in whole {
            let id = self.model.lock().backups.get(&tag).and_then(|backup| backup.id);
            let Some(id) = id else { continue };
            let done = self.restore_into(storage, PROOF, tag, id).await;
            self.after(done)?;
            let done = self.drop_table(storage, PROOF).await;
            self.after(done)?;
        }
        Ok(())
    }
}
