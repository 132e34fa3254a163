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
//!
//! **Who opens a store takes it over**: in a bucket it [claims](VersionedObject::claim) each object
//! before it undoes or deletes anything, by writing the record as it is under the next version. From
//! then on every write of the process before fails; and when that one sees a version that it did not
//! write, it is told so once and for all ([`StorageError::TakenOver`]): nothing that the newer process
//! has written is ever read, changed or tidied up by the older one.

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
use std::time::Duration;
use tokio::time::Instant;

/// How many versions of an object are kept, the newest included.
pub(crate) const VERSIONS_KEPT: u64 = 4;
/// The first pause before an unknown outcome is asked for again; doubles up to the second.
const DECIDE_PAUSE_MS: u64 = 5;
const DECIDE_PAUSE_MS_MAX: u64 = 500;
/// How often an object is claimed anew if the process before writes at the same moment.
const CLAIMS_MAX: usize = 16;

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
    /// The nonces of our writes of the next version that failed or may have: they may still arrive.
    doubtful: Vec<u64>,
    /// Another process has written since this one read or claimed the object. For good.
    taken_over: bool,
}

impl<R> Newest<R> {
    fn known(version: u64, record: Option<R>) -> Self {
        Self { version, record, stale: false, doubtful: Vec::new(), taken_over: false }
    }
}

impl<R: Record> VersionedObject<R> {
    /// Reads the newest version below `prefix`.
    pub(crate) async fn load(context: Arc<CatalogContext>, prefix: String) -> Result<Self> {
        let (newest, _) = read_newest(&context, &prefix).await?;
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

    /// Reads again if the outcome of the last write was bad or unknown. What is there then must be
    /// what this process has seen or written.
    async fn refresh(&self, newest: &mut Newest<R>) -> Result<()> {
        if newest.taken_over {
            return Err(StorageError::TakenOver(self.prefix.clone()));
        }
        if !newest.stale {
            return Ok(());
        }
        let (found, nonce) = read_newest(&self.context, &self.prefix).await?;
        if found.version == newest.version {
            newest.stale = false;
            return Ok(());
        }
        let ours = nonce.is_some_and(|nonce| newest.doubtful.contains(&nonce));
        if found.version != newest.version + 1 || !ours {
            return Err(self.taken_over(newest));
        }
        *newest = found;
        Ok(())
    }

    fn taken_over(&self, newest: &mut Newest<R>) -> StorageError {
        tracing::error!(object = %self.prefix, "another process has taken this over");
        newest.taken_over = true;
        StorageError::TakenOver(self.prefix.clone())
    }

    /// Makes the object this process's own, if another process could have it: whatever that one writes
    /// from now on fails. To be called before anything is undone or deleted.
    pub(crate) async fn claim(&self) -> Result<()> {
        if !self.context.directory.is_bucket() {
            return Ok(());
        }
        for _ in 0..CLAIMS_MAX {
            let Some(record) = self.record().await? else {
                return Ok(());
            };
            match self.write(|_| Ok((record, ()))).await {
                // Ours comes after it. Nothing was done on the strength of what we had read.
                Err(StorageError::TakenOver(_)) => {
                    let mut newest = self.newest.lock().await;
                    (*newest, _) = read_newest(&self.context, &self.prefix).await?;
                }
                claimed => return claimed,
            }
        }
        Err(StorageError::Conflict(self.prefix.clone()))
    }

    /// Makes sure that nobody has written since this process did.
    pub(crate) async fn confirm(&self) -> Result<()> {
        let mut newest = self.newest.lock().await;
        self.refresh(&mut newest).await?;
        if !self.context.directory.is_bucket() {
            return Ok(());
        }
        let versions = list_versions(&self.context, &self.prefix).await?;
        match versions.iter().all(|other| *other <= newest.version) {
            true => Ok(()),
            false => Err(self.taken_over(&mut newest)),
        }
    }

    /// Removes the object for good: its name is never used again. What the newest record says must hold still if
    /// a power cut brings that one back.
    pub(crate) async fn remove(&self) -> Result<()> {
        let mut newest = self.newest.lock().await;
        self.refresh(&mut newest).await?;
        let mut versions = list_versions(&self.context, &self.prefix).await?;
        versions.sort_unstable();
        if versions.last().is_some_and(|last| *last > newest.version) {
            return Err(self.taken_over(&mut newest));
        }
        for version in versions {
            if version == newest.version {
                // No older one may be left when this one is gone.
                self.context.directory.sync_tree(&self.prefix)?;
            }
            let path = version_path(&self.prefix, version);
            match self.context.store().delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(StorageError::store(format!("deleting {path}"))(error)),
            }
        }
        self.context.directory.remove_empty(&self.prefix)?;
        *newest = Newest::known(0, None);
        Ok(())
    }

    /// Makes the next record from the newest one and writes it. `change` runs under the object's
    /// lock; if it fails, nothing is written.
    pub(crate) async fn write<T>(
        &self,
        change: impl FnOnce(Option<&R>) -> Result<(R, T)>,
    ) -> Result<T> {
        let answer = self.write_only(change).await?;
        self.tidy().await;
        Ok(answer)
    }

    /// Removes versions that nobody needs any more.
    pub(crate) async fn tidy(&self) {
        let newest = self.newest.lock().await;
        self.prune(newest.version).await;
    }

    /// The same as [`write`](Self::write) for callers whom others wait for: they [tidy](Self::tidy) later.
    pub(crate) async fn write_only<T>(
        &self,
        change: impl FnOnce(Option<&R>) -> Result<(R, T)>,
    ) -> Result<T> {
        let mut newest = self.newest.lock().await;
        self.refresh(&mut newest).await?;
        let (record, answer) = change(newest.record.as_ref())?;
        self.context.reached(FaultPoint::CatalogWriting).await?;
        let version = newest.version + 1;
        // Also if the caller goes away now, nobody knows what became of it.
        newest.stale = true;
        match self.put_version(version, &record, &mut newest).await {
            Ok(()) => *newest = Newest::known(version, Some(record)),
            Err(StorageError::TakenOver(_)) => return Err(self.taken_over(&mut newest)),
            Err(error) => return Err(error),
        }
        Ok(answer)
    }

    /// Writes one version and does not return before it is known whether it was written, unless
    /// that takes longer than the bound.
    async fn put_version(&self, version: u64, record: &R, newest: &mut Newest<R>) -> Result<()> {
        let (nonce, blank) = (self.context.nonce(), self.context.nonce());
        newest.doubtful.extend([nonce, blank]);
        let put = self.put_once(version, record::encode(nonce, record)?).await;
        let decided = match put {
            Ok(()) => Ok(()),
            Err(problem) => self.decide(version, [nonce, blank], newest, problem).await,
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
        [nonce, blank]: [u64; 2],
        newest: &Newest<R>,
        mut problem: StorageError,
    ) -> Result<()> {
        let started = Instant::now();
        let mut pause_ms = DECIDE_PAUSE_MS;
        loop {
            match self.written_by(version).await {
                Ok(Some(found)) if found == nonce => return Ok(()),
                Ok(Some(found)) if found == blank => {
                    // Or the write was done, and what came after it has removed it.
                    return self.check_newest(version).await.and(Err(problem));
                }
                Ok(Some(found)) if newest.doubtful.contains(&found) => {
                    return Err(StorageError::Conflict(self.prefix.clone()));
                }
                Ok(Some(_)) => return Err(StorageError::TakenOver(self.prefix.clone())),
                // Nothing was there when we looked, but something was when we wrote: look again.
                Ok(None) if already_exists(&problem) => {}
                Ok(None) if self.context.directory.is_bucket() => {
                    self.take_version(version, blank, newest.record.as_ref()).await?;
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
        let started = Instant::now();
        let mut pause_ms = DECIDE_PAUSE_MS;
        loop {
            match list_versions(&self.context, &self.prefix).await {
                Ok(versions) if versions.iter().all(|other| *other <= version) => return Ok(()),
                Ok(_) => return Err(StorageError::TakenOver(self.prefix.clone())),
                Err(problem) => {
                    tracing::warn!(object = %self.prefix, version, %problem, "cannot see what is newest");
                }
            }
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

/// The newest version that is there, and the nonce of the write that made it.
async fn read_newest<R: Record>(
    context: &CatalogContext,
    prefix: &str,
) -> Result<(Newest<R>, Option<u64>)> {
    let Some(version) = list_versions(context, prefix).await?.into_iter().max() else {
        return Ok((Newest::known(0, None), None));
    };
    let path = version_path(prefix, version);
    let stored = read_object(context, &path).await?.ok_or_else(|| StorageError::Corrupt {
        path: path.to_string(),
        reason: "was listed and cannot be found".to_owned(),
    })?;
    let (nonce, record) = record::decode(path.as_ref(), &stored)?;
    Ok((Newest::known(version, Some(record)), Some(nonce)))
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
