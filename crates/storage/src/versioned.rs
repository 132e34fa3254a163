//! A catalog object that is changed by compare-and-set.
//!
//! Every change writes a new object, `<prefix>/<version>`, which must not exist yet: of two
//! writers that saw the same version only one succeeds, on local files as on every bucket. (No
//! conditional overwrite is used; local files have none.) Each write carries a nonce: when the
//! outcome of a write is unknown, the object is read again and the nonce tells whether it is ours.
//!
//! Old versions are removed after a change, a few are kept for people who look for mistakes. That
//! removal is safe only because one process has the directory: a writer that slept through it
//! could write a removed version once more.

use crate::directory::DataDirectory;
use crate::error::{Result, StorageError};
use crate::faults::{FaultPoint, Faults, Verdict};
use crate::record::{self, Record};
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many versions of an object are kept, the newest included.
pub(crate) const VERSIONS_KEPT: u64 = 4;
/// The first pause before an unknown outcome is asked for again; doubles up to the second.
const DECIDE_PAUSE_MS: u64 = 5;
const DECIDE_PAUSE_MS_MAX: u64 = 500;

/// What all catalog objects of a store share.
#[derive(Debug)]
pub(crate) struct CatalogContext {
    directory: Arc<DataDirectory>,
    faults: Arc<dyn Faults>,
    nonces: Mutex<StdRng>,
    decide_ms_max: u64,
}

impl CatalogContext {
    pub(crate) fn new(
        directory: Arc<DataDirectory>,
        faults: Arc<dyn Faults>,
        seed: u64,
        decide_ms_max: u64,
    ) -> Self {
        let nonces = Mutex::new(StdRng::seed_from_u64(seed));
        Self { directory, faults, nonces, decide_ms_max }
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        self.directory.store()
    }

    /// Announces `point`; an error if the hook wants a failure here.
    pub(crate) async fn reached(&self, point: FaultPoint) -> Result<()> {
        match self.faults.reached(point).await {
            Verdict::Proceed => Ok(()),
            Verdict::Fail => Err(StorageError::Injected(point)),
        }
    }

    fn nonce(&self) -> u64 {
        self.nonces.lock().next_u64()
    }
}

/// One object and what this process knows of it.
#[derive(Debug)]
pub(crate) struct VersionedObject<R> {
    context: Arc<CatalogContext>,
    prefix: String,
    newest: tokio::sync::Mutex<Newest<R>>,
}

/// The newest version: 0 and no record if the object was never written.
#[derive(Clone, Debug)]
struct Newest<R> {
    version: u64,
    record: Option<R>,
    /// The last write may or may not have happened; read again before relying on this.
    stale: bool,
}

impl<R: Record> VersionedObject<R> {
    /// Reads the newest version below `prefix`.
    pub(crate) async fn load(context: Arc<CatalogContext>, prefix: String) -> Result<Self> {
        let newest = read_newest(&context, &prefix).await?;
        let object = Self { context, prefix, newest: tokio::sync::Mutex::new(newest) };
        let version = object.newest.lock().await.version;
        object.prune(version).await;
        Ok(object)
    }

    /// The newest record, if the object was ever written.
    pub(crate) async fn record(&self) -> Result<Option<R>> {
        let mut newest = self.newest.lock().await;
        self.refresh(&mut newest).await?;
        Ok(newest.record.clone())
    }

    /// Reads again if the outcome of the last write was bad or unknown.
    async fn refresh(&self, newest: &mut Newest<R>) -> Result<()> {
        if newest.stale {
            *newest = read_newest(&self.context, &self.prefix).await?;
        }
        Ok(())
    }

    /// Makes the next record from the newest one and writes it. `change` runs under the object's
    /// lock; if it fails, nothing is written.
    pub(crate) async fn write<T>(
        &self,
        change: impl FnOnce(Option<&R>) -> Result<(R, T)>,
    ) -> Result<T> {
        let mut newest = self.newest.lock().await;
        self.refresh(&mut newest).await?;
        let (record, answer) = change(newest.record.as_ref())?;
        self.context.reached(FaultPoint::CatalogWriting).await?;
        let version = newest.version + 1;
        match self.put_version(version, &record).await {
            Ok(()) => *newest = Newest { version, record: Some(record), stale: false },
            Err(error) => {
                newest.stale = true;
                return Err(error);
            }
        }
        self.prune(version).await;
        Ok(answer)
    }

    /// Writes one version and does not return before it is known whether it was written, unless
    /// that takes longer than the bound.
    async fn put_version(&self, version: u64, record: &R) -> Result<()> {
        let nonce = self.context.nonce();
        let stored = record::encode(nonce, record)?;
        let started = Instant::now();
        let mut pause_ms = DECIDE_PAUSE_MS;
        let mut problem = match self.put_once(version, stored).await {
            Ok(()) => return Ok(()),
            Err(problem) => problem,
        };
        loop {
            match self.was_written(version, nonce).await {
                Ok(true) => return Ok(()),
                // Nothing was there when we looked, but something was when we wrote: look again.
                Ok(false) if already_exists(&problem) => {}
                Ok(false) => return Err(problem),
                Err(error @ StorageError::Conflict(_)) => return Err(error),
                Err(error) => problem = error,
            }
            tracing::warn!(object = %self.prefix, version, %problem, "outcome of a write unknown");
            if started.elapsed().as_millis() as u64 > self.context.decide_ms_max {
                return Err(StorageError::Undecided(self.prefix.clone()));
            }
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(DECIDE_PAUSE_MS_MAX);
        }
    }

    async fn put_once(&self, version: u64, stored: Bytes) -> Result<()> {
        let path = version_path(&self.prefix, version);
        let payload = PutPayload::from_bytes(stored);
        let put = self.context.store().put_opts(&path, payload, PutMode::Create.into()).await;
        self.context.reached(FaultPoint::CatalogWritten).await?;
        put.map(|_| ()).map_err(StorageError::store(format!("writing {path}")))
    }

    /// Whether `version` is our write with this nonce: `Ok(false)` if nobody wrote it. An
    /// operation on local files that has returned is over, so nothing can appear later. (A bucket
    /// needs more here: a request that timed out may still arrive.)
    async fn was_written(&self, version: u64, nonce: u64) -> Result<bool> {
        let path = version_path(&self.prefix, version);
        let stored = match read_object(&self.context, &path).await? {
            Some(stored) => stored,
            None => return Ok(false),
        };
        let (found, _) = record::decode::<R>(path.as_ref(), &stored)?;
        if found != nonce {
            return Err(StorageError::Conflict(self.prefix.clone()));
        }
        // The failure may have come between the write and its syncing.
        self.context.directory.sync_tree(&self.prefix)?;
        Ok(true)
    }

    /// Removes versions that nobody needs. A failure leaves garbage that the next change removes.
    async fn prune(&self, newest: u64) {
        let removed = async {
            for version in list_versions(&self.context, &self.prefix).await? {
                if version + VERSIONS_KEPT <= newest {
                    let path = version_path(&self.prefix, version);
                    let deleted = self.context.store().delete(&path).await;
                    deleted.map_err(StorageError::store(format!("deleting {path}")))?;
                }
            }
            Ok::<(), StorageError>(())
        };
        if let Err(problem) = removed.await {
            tracing::warn!(object = %self.prefix, %problem, "could not remove old versions");
        }
    }
}

fn already_exists(problem: &StorageError) -> bool {
    let exists =
        |source: &object_store::Error| matches!(source, object_store::Error::AlreadyExists { .. });
    matches!(problem, StorageError::Store { source, .. } if exists(source))
}

async fn read_newest<R: Record>(context: &CatalogContext, prefix: &str) -> Result<Newest<R>> {
    let Some(version) = list_versions(context, prefix).await?.into_iter().max() else {
        return Ok(Newest { version: 0, record: None, stale: false });
    };
    let path = version_path(prefix, version);
    let stored = read_object(context, &path).await?.ok_or_else(|| StorageError::Corrupt {
        path: path.to_string(),
        reason: "was listed and cannot be found".to_owned(),
    })?;
    let (_, record) = record::decode(path.as_ref(), &stored)?;
    Ok(Newest { version, record: Some(record), stale: false })
}

async fn list_versions(context: &CatalogContext, prefix: &str) -> Result<Vec<u64>> {
    let listed = context
        .store()
        .list_with_delimiter(Some(&Path::from(prefix)))
        .await
        .map_err(StorageError::store(format!("listing {prefix}")))?;
    let version = |path: &Path| {
        path.filename().and_then(|name| name.parse().ok()).ok_or_else(|| StorageError::Corrupt {
            path: path.to_string(),
            reason: "is not a version of a catalog object".to_owned(),
        })
    };
    listed.objects.iter().map(|object| version(&object.location)).collect()
}

async fn read_object(context: &CatalogContext, path: &Path) -> Result<Option<Bytes>> {
    let reading = || StorageError::store(format!("reading {path}"));
    match context.store().get(path).await {
        Ok(found) => found.bytes().await.map(Some).map_err(reading()),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(reading()(error)),
    }
}

fn version_path(prefix: &str, version: u64) -> Path {
    Path::from(format!("{prefix}/{version:020}"))
}

#[cfg(test)]
mod tests;
