//! A catalog object that is changed by compare-and-set.
//!
//! Every change writes a new object, `<prefix>/<version>`, which must not exist yet: of two
//! writers that saw the same version only one succeeds, on local files as on every bucket. (No
//! conditional overwrite is used; local files have none.) Each write carries a nonce: when the
//! outcome of a write is unknown, the object is read again and the nonce tells whether it is ours.
//!
//! Old versions are removed after a change, a few are kept for people who look for mistakes.
//!
//! **In a bucket** two things are different. A write that failed on its way may still arrive, so
//! "it is not there" decides nothing: the version is taken by writing the record of before once
//! more, and then the write cannot arrive. And nothing keeps a second process away: a writer that
//! slept while others wrote and removed what was old could write a removed version once more. So
//! nobody believes in its write before it has seen that nothing newer is there.

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
        match self.put_version(version, &record, newest.record.as_ref()).await {
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
    async fn put_version(&self, version: u64, record: &R, before: Option<&R>) -> Result<()> {
        let nonce = self.context.nonce();
        let put = self.put_once(version, record::encode(nonce, record)?).await;
        let decided = match put {
            Ok(()) => Ok(()),
            Err(problem) => self.decide(version, nonce, before, problem).await,
        };
        match (decided, self.context.directory.is_bucket()) {
            (Ok(()), true) => self.check_newest(version).await,
            (decided, _) => decided,
        }
    }

    /// Finds out whether the write of `version` took place that failed with `problem`.
    async fn decide(
        &self,
        version: u64,
        nonce: u64,
        before: Option<&R>,
        mut problem: StorageError,
    ) -> Result<()> {
        let started = Instant::now();
        let mut pause_ms = DECIDE_PAUSE_MS;
        let blank = self.context.nonce();
        loop {
            match self.written_by(version).await {
                Ok(Some(found)) if found == nonce => return Ok(()),
                Ok(Some(found)) if found == blank => return Err(problem),
                Ok(Some(_)) => return Err(StorageError::Conflict(self.prefix.clone())),
                // Nothing was there when we looked, but something was when we wrote: look again.
                Ok(None) if already_exists(&problem) => {}
                Ok(None) if self.context.directory.is_bucket() => {
                    self.take_version(version, blank, before).await?;
                }
                Ok(None) => return Err(problem),
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

    /// Writes the record of before under a version that another write may still arrive at. Whether
    /// that succeeds is seen when the version is read again.
    async fn take_version(&self, version: u64, blank: u64, before: Option<&R>) -> Result<()> {
        if let Some(before) = before {
            let path = version_path(&self.prefix, version);
            let payload = PutPayload::from_bytes(record::encode(blank, before)?);
            let put = self.context.store().put_opts(&path, payload, PutMode::Create.into()).await;
            if let Err(error) = put {
                tracing::debug!(%path, %error, "a version could not be taken");
            }
        }
        Ok(())
    }

    /// Whether nobody has written a later version. If somebody has, this process was replaced by
    /// another one, and what it has written counts for nothing or was taken on by that one.
    async fn check_newest(&self, version: u64) -> Result<()> {
        match list_versions(&self.context, &self.prefix).await {
            Ok(versions) if versions.iter().all(|other| *other <= version) => Ok(()),
            Ok(_) => {
                tracing::error!(object = %self.prefix, version, "another process has taken over");
                Err(StorageError::Undecided(self.prefix.clone()))
            }
            Err(problem) => {
                tracing::warn!(object = %self.prefix, version, %problem, "cannot see what is newest");
                Err(StorageError::Undecided(self.prefix.clone()))
            }
        }
    }

    async fn put_once(&self, version: u64, stored: Bytes) -> Result<()> {
        let path = version_path(&self.prefix, version);
        let payload = PutPayload::from_bytes(stored);
        let put = self.context.store().put_opts(&path, payload, PutMode::Create.into()).await;
        self.context.reached(FaultPoint::CatalogWritten).await?;
        put.map(|_| ()).map_err(StorageError::store(format!("writing {path}")))
    }

    /// The nonce of the write that made `version`, if it is there: then it is there for good.
    async fn written_by(&self, version: u64) -> Result<Option<u64>> {
        let path = version_path(&self.prefix, version);
        let Some(stored) = read_object(&self.context, &path).await? else {
            return Ok(None);
        };
        let (found, _) = record::decode::<R>(path.as_ref(), &stored)?;
        // The failure may have come between the write and its syncing.
        self.context.directory.sync_tree(&self.prefix)?;
        Ok(Some(found))
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
