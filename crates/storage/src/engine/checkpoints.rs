//! Checkpoints that stay: what backups are made of.
//!
//! The one that a reslice clones from is made of whatever is stored, of a database that nobody writes to, and ends by
//! itself ([`Engine::checkpoint`]). One of these has everything that was handed to the database before it was
//! begun, and nothing that is handed over afterwards; the engine cuts its memtable there, so what it takes to
//! store it happens while writers go on. It stays until it is deleted.

use super::{Checkpoint, Engine};
use crate::error::{Result, StorageError};
use object_store::path::Path;
use slatedb::config::{CheckpointOptions, CheckpointScope};
use slatedb::{CheckpointHandle, Db, VersionedManifest};
use uuid::Uuid;

/// A checkpoint whose content is decided and that is being stored.
pub(crate) struct PendingCheckpoint(CheckpointHandle);

impl PendingCheckpoint {
    /// Decides the content of a checkpoint of an open database. The caller sees to it that nothing is
    /// handed over before this returns.
    pub(crate) async fn begin(db: &Db, name: String) -> std::result::Result<Self, slatedb::Error> {
        let options = CheckpointOptions { name: Some(name), ..Default::default() };
        Ok(Self(db.begin_checkpoint(CheckpointScope::All, &options).await?))
    }

    /// Waits until it is stored; answers its name in the engine.
    pub(crate) async fn stored(self) -> std::result::Result<String, slatedb::Error> {
        Ok(self.0.wait().await?.id.to_string())
    }
}

impl Engine {
    /// A checkpoint of a database, and the state that it keeps. An error if it is not there.
    pub(crate) async fn kept_checkpoint(
        &self,
        path: &Path,
        id: &str,
    ) -> Result<(Checkpoint, VersionedManifest)> {
        let lost = |reason: &str| StorageError::Corrupt {
            path: path.to_string(),
            reason: format!("its checkpoint {id} {reason}"),
        };
        let failed = || StorageError::engine(format!("reading a checkpoint of {path}"));
        let wanted = Uuid::parse_str(id).map_err(|_| lost("has no name of the engine's"))?;
        let newest = self.manifest(path).await?.ok_or_else(|| lost("is gone with the database"))?;
        let found = newest.checkpoints().iter().find(|checkpoint| checkpoint.id == wanted);
        let found = found.ok_or_else(|| lost("is missing"))?;
        let manifest = self.admin(path).read_manifest(Some(found.manifest_id)).await;
        let manifest = manifest.map_err(failed())?.ok_or_else(|| lost("has no manifest"))?;
        let flushed_seq = manifest.last_l0_seq();
        let checkpoint =
            Checkpoint { id: wanted, flushed_seq, writer_epoch: manifest.writer_epoch() };
        Ok((checkpoint, manifest))
    }

    /// Lets go of a checkpoint; fine if it, or its database, is gone.
    pub(crate) async fn delete_checkpoint(&self, path: &Path, id: &str) -> Result<()> {
        let Ok(id) = Uuid::parse_str(id) else {
            return Ok(());
        };
        if self.manifest(path).await?.is_none() {
            return Ok(());
        }
        let deleted = self.admin(path).delete_checkpoint(id).await;
        deleted.map_err(StorageError::engine(format!("deleting a checkpoint of {path}")))
    }

    /// Lets go of all checkpoints of a database that have this name.
    pub(crate) async fn delete_checkpoints_named(&self, path: &Path, name: &str) -> Result<()> {
        let Some(manifest) = self.manifest(path).await? else {
            return Ok(());
        };
        let named = manifest.checkpoints().iter();
        for checkpoint in named.filter(|checkpoint| checkpoint.name.as_deref() == Some(name)) {
            self.delete_checkpoint(path, &checkpoint.id.to_string()).await?;
        }
        Ok(())
    }
}
