//! Small named objects, as the manager writes them: put, read, deleted.

use super::super::model::content;
use super::{Broken, Life, Trouble, broken};
use std::sync::Arc;
use storage::Storage;

const STEPS: u64 = 12;
const NAMES: u64 = 3;
const REST_MS_MAX: u64 = 500;

impl Life {
    pub(super) async fn note(&self, storage: &Arc<Storage>) -> Result<(), Broken> {
        for _ in 0..STEPS {
            self.rest(REST_MS_MAX).await;
            let name = format!("notes/n{}", self.chance(NAMES));
            let done = match self.chance(4) {
                0 => self.read_note(storage, &name).await,
                1 => self.write_note(storage, &name, 0).await,
                _ => {
                    let number = self.model.lock().number();
                    self.write_note(storage, &name, number).await
                }
            };
            self.after(done)?;
        }
        Ok(())
    }

    /// Writes what has this number; 0 deletes.
    async fn write_note(
        &self,
        storage: &Arc<Storage>,
        name: &str,
        number: u64,
    ) -> Result<(), Trouble> {
        self.model.lock().blobs.entry(name.to_owned()).or_default().begin(number);
        let written = match number {
            0 => storage.blobs().delete(name).await,
            number => storage.blobs().put(name, content(name, number)).await,
        };
        written.map_err(Trouble::Failed)?;
        self.model.lock().blobs.entry(name.to_owned()).or_default().done(number);
        self.report.lock().notes += 1;
        Ok(())
    }

    async fn read_note(&self, storage: &Arc<Storage>, name: &str) -> Result<(), Trouble> {
        let found = storage.blobs().get(name).await.map_err(Trouble::Failed)?;
        let mut model = self.model.lock();
        let known = model.blobs.entry(name.to_owned()).or_default();
        known.shown(name, found.as_ref()).map_err(broken)
    }

    pub(super) async fn compare_notes(&self, storage: &Arc<Storage>) -> Result<(), Trouble> {
        let names: Vec<String> = self.model.lock().blobs.keys().cloned().collect();
        let listed = storage.blobs().list("").await.map_err(Trouble::Failed)?;
        if let Some(stranger) = listed.iter().find(|name| !names.contains(name)) {
            return Err(broken(format!("nobody wrote blob {stranger}")));
        }
        for name in names {
            let found = storage.blobs().get(&name).await.map_err(Trouble::Failed)?;
            if found.is_some() != listed.contains(&name) {
                return Err(broken(format!("blob {name} is listed or there, and not both")));
            }
            let mut model = self.model.lock();
            let known = model.blobs.entry(name.clone()).or_default();
            known.found(&name, found.as_ref()).map_err(broken)?;
        }
        Ok(())
    }
}
