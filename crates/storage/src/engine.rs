//! SlateDB as we use it: one database per partition, all on one object store and one block cache.
//!
//! Everything that knows SlateDB's settings and administration is here, so that the node log
//! ([`wal`](crate::wal)) or a bucket can be put under the partitions at one place. Facts that we rely on and SlateDB does
//! not promise are held by tests (`tests/it/engine_facts.rs`).

use crate::error::{Result, StorageError};
use crate::map::AXIS_END;
use crate::settings::{Components, StorageSettings};
use crate::wal::NodeWal;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use slatedb::admin::{Admin, AdminBuilder};
use slatedb::compactor::CompactorBuilder;
use slatedb::config::{
    CheckpointOptions, CompactorOptions, FlushOptions, FlushType, GarbageCollectorOptions,
    GarbageCollectorScheduleOptions, Settings,
};
use slatedb::db_cache::DbCache;
use slatedb::{CloneSourceSpec, Db, VersionedManifest};
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use types::{KeyRange, PartitionId, TableId};
use uuid::Uuid;

pub(crate) mod cache;
mod checkpoints;
mod clock;
mod compactions;
mod counters;
pub(crate) mod files;
mod flushed_wal;
mod options;
#[cfg(test)]
mod tests;

pub(crate) use checkpoints::PendingCheckpoint;
pub(crate) use clock::EngineClock;
pub use counters::EngineCounter;

use cache::FileCache;
use compactions::Compactions;
use counters::EngineCounters;
use flushed_wal::FlushedWal;
use options::{compactor_options, engine_settings, no_garbage_options};

/// Where the databases are, relative to the store's root.
pub(crate) const DATA: &str = "data";
/// Where a database keeps a log of its own, relative to its path.
const OWN_LOG: &str = "wal";
/// Where a database keeps its manifests, relative to its path.
pub(crate) const MANIFESTS: &str = "manifest";
/// All databases share one scope of the cache: its keys are file numbers that are unique in the
/// world, and a child finds the blocks warm that its parent has read.
const CACHE_SCOPE: u64 = 1;
/// How many more unsorted files a database must have room for before a reslice begins: one from
/// the preparation, one from the cutover, one that the engine may be writing by itself.
const L0_SPARE: usize = 3;
/// How long the checkpoint that children are cloned from protects its files, until the children
/// hold checkpoints of their own.
const CHECKPOINT_LIFETIME: Duration = Duration::from_secs(300);

/// Opens, clones and deletes databases.
pub(crate) struct Engine {
    store: Arc<dyn ObjectStore>,
    cache: Arc<dyn DbCache>,
    settings: Settings,
    compactor: CompactorOptions,
    compactions: Arc<Compactions>,
    /// One for all databases.
    clock: Arc<EngineClock>,
    /// Where its databases get their chance from, if that has to be repeatable.
    seeds: Option<Mutex<StdRng>>,
    /// The log of all databases; `None` if each has its own.
    wal: Option<NodeWal>,
    /// Those that are open with the node log, for its [keeper](crate::wal::keeper).
    open: Mutex<HashMap<Path, Weak<Db>>>,
    bucket: bool,
    counters: Arc<EngineCounters>,
    /// Where flushes, compactions and collections run, if not where databases are opened.
    background: Option<Handle>,
}

/// A database to clone from, as it was at a checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct CloneSource {
    pub(crate) path: Path,
    pub(crate) checkpoint: Checkpoint,
    /// The part of it that the clone shall show.
    pub(crate) range: KeyRange,
}

/// A database that another one borrows files from.
#[derive(Clone, Debug)]
pub(crate) struct Lender {
    pub(crate) path: Path,
    /// How many of its files the newest state still uses. It stays on the list for a while after
    /// the last one, for the sake of older states that are pinned.
    pub(crate) files: usize,
}

impl Lender {
    /// All that are on the list of a state of a database.
    pub(crate) fn all(manifest: &VersionedManifest) -> Vec<Self> {
        let lenders = manifest.external_dbs().iter();
        lenders
            .map(|lender| Self {
                path: Path::from(lender.path.as_str()),
                files: lender.sst_ids.len(),
            })
            .collect()
    }
}

/// A stored state of a database that stays readable.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    id: Uuid,
    /// All writes up to this sequence number are in the checkpoint's sorted files.
    pub(crate) flushed_seq: u64,
    /// Who wrote it.
    pub(crate) writer_epoch: u64,
}

impl Engine {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        settings: &StorageSettings,
        components: &Components,
        wal: Option<NodeWal>,
    ) -> Self {
        Self {
            store,
            cache: Arc::new(FileCache::new(settings.cache_bytes)),
            settings: engine_settings(settings, wal.is_some()),
            compactor: compactor_options(settings),
            compactions: Compactions::new(
                settings.compactions_process_max,
                settings.poll(settings.compaction_poll_ms),
                FlushLimits::new(settings),
            ),
            clock: Arc::new(EngineClock::new(components.started_ms)),
            seeds: components
                .disk
                .as_ref()
                .map(|_| Mutex::new(StdRng::seed_from_u64(components.seed))),
            wal,
            open: Mutex::default(),
            bucket: settings.store.is_some(),
            counters: Arc::default(),
            background: components.background.clone(),
        }
    }

    /// What all databases have counted.
    pub(crate) fn counters(&self) -> Vec<EngineCounter> {
        self.counters.read()
    }

    /// The log of all databases, if they share one.
    pub(crate) fn wal(&self) -> Option<&NodeWal> {
        self.wal.as_ref()
    }

    /// Where the databases of a table are.
    pub(crate) fn directory(table: TableId) -> Path {
        Path::from(format!("{DATA}/{table}"))
    }

    /// The path of a partition's database. As partition numbers are never given out twice, neither
    /// are paths: a clone onto a used path would silently keep what is there.
    pub(crate) fn path(table: TableId, partition: PartitionId) -> Path {
        Path::from(format!("{DATA}/{table}/{partition}"))
    }

    /// Opens a database for writing and makes it if it does not exist.
    pub(crate) async fn open(&self, path: &Path) -> Result<Arc<Db>> {
        let requests = Handle::current();
        let background = self.background.as_ref().unwrap_or(&requests);
        let compactor = CompactorBuilder::new(path.clone(), self.store.clone())
            .with_runtime(background.clone())
            .with_options(self.compactor.clone())
            .with_scheduler_supplier(self.compactions.of_database(path));
        let mut builder = Db::builder(path.clone(), self.store.clone())
            .with_settings(self.settings.clone())
            .with_compactor_builder(compactor)
            .with_system_clock(self.clock.clone())
            .with_db_cache(self.cache.clone(), CACHE_SCOPE)
            .with_metrics_recorder(self.counters.clone())
            .with_write_runtime(requests.clone());
        if let Some(seed) = self.seed() {
            builder = builder.with_seed(seed);
        }
        if let Some(wal) = &self.wal {
            self.refuse_own_log(path).await?;
            builder = builder.with_wal_writer(wal.writer(path, self.clock.clone())?);
        }
        // A database's tasks run where it is built.
        let opened = match &self.background {
            None => builder.build().await,
            Some(background) => {
                // Ends with this call, as it would if it were built here.
                let mut building = JoinSet::new();
                building.spawn_on(builder.build(), background);
                let built = building.join_next().await.unwrap_or_else(|| unreachable!());
                built.map_err(|stopped| StorageError::Interrupted(stopped.to_string()))?
            }
        };
        let db = Arc::new(opened.map_err(StorageError::engine(format!("opening {path}")))?);
        let mut open = self.open.lock();
        open.retain(|_, db| db.strong_count() > 0);
        open.insert(path.clone(), Arc::downgrade(&db));
        Ok(db)
    }

    /// The open database at `path`.
    pub(crate) fn open_database(&self, path: &Path) -> Option<Arc<Db>> {
        self.open.lock().get(path)?.upgrade()
    }

    /// A database that was ever opened without the node log may have written what the log does not
    /// know, under sequence numbers that the log knows for other writes.
    async fn refuse_own_log(&self, path: &Path) -> Result<()> {
        match own_log_file(&self.store, path).await? {
            None => Ok(()),
            Some(file) => Err(StorageError::Corrupt {
                path: path.to_string(),
                reason: format!(
                    "it was opened without the log of this store, and has a log of its own ({}): \
                     its newest writes may be there or in the store's log",
                    file
                ),
            }),
        }
    }

    /// Sees to it that the clock is not behind what a stored state of a database was stamped with.
    pub(crate) async fn catch_up(&self, path: &Path, manifest: &VersionedManifest) -> Result<()> {
        self.clock.catch_up(clock::newest_stamp(manifest));
        let jobs = self.admin(path).read_compactions(None).await;
        let jobs =
            jobs.map_err(StorageError::engine(format!("reading the compactions of {path}")))?;
        let jobs = jobs.iter().flat_map(|jobs| jobs.recent_compactions());
        if let Some(newest) = jobs.map(|job| job.id().timestamp_ms()).max() {
            self.clock.catch_up(newest as i64);
        }
        Ok(())
    }

    /// The newest stored manifest; `None` if there is no database at `path`.
    pub(crate) async fn manifest(&self, path: &Path) -> Result<Option<VersionedManifest>> {
        let manifest = self.admin(path).read_manifest(None).await;
        manifest.map_err(StorageError::engine(format!("reading the manifest of {path}")))
    }

    /// Pins the newest stored state of a database.
    pub(crate) async fn checkpoint(&self, path: &Path) -> Result<Checkpoint> {
        let failed = || StorageError::engine(format!("making a checkpoint of {path}"));
        let options =
            CheckpointOptions { lifetime: Some(CHECKPOINT_LIFETIME), ..Default::default() };
        let admin = self.admin(path);
        let made = admin.create_detached_checkpoint(&options).await.map_err(failed())?;
        let manifest = admin.read_manifest(Some(made.manifest_id)).await.map_err(failed())?;
        let manifest = manifest.ok_or_else(|| StorageError::Corrupt {
            path: path.to_string(),
            reason: format!("manifest {} of a new checkpoint is missing", made.manifest_id),
        })?;
        let flushed_seq = manifest.last_l0_seq();
        if let Some(wal) = &self.wal {
            wal.mark_stored(path, flushed_seq);
        }
        Ok(Checkpoint { id: made.id, flushed_seq, writer_epoch: manifest.writer_epoch() })
    }

    /// Makes `child` from parts of other databases, without copying data. The caller has made sure
    /// that the checkpoints hold everything and that `child` was never used.
    pub(crate) async fn clone_database(&self, child: &Path, sources: &[CloneSource]) -> Result<()> {
        let failed = || StorageError::engine(format!("cloning {child}"));
        let mut specs = sources.iter().map(|source| {
            CloneSourceSpec::with_checkpoint(source.path.clone(), source.checkpoint.id)
                .with_projection_range(bounds(&source.range))
        });
        let Some(first) = specs.next() else {
            let reason = format!("{child} would be a clone of nothing");
            return Err(StorageError::Invariant { object: child.to_string(), reason });
        };
        let builder = self.admin(child).create_clone_builder_from_source(first);
        // What pins the sources' files meanwhile ends by the same clock as everything else.
        let builder = builder.with_system_clock(self.clock.clone());
        let mut builder = specs.fold(builder, |builder, spec| builder.with_source(spec));
        if let Some(seed) = self.seed() {
            builder = builder.with_seed(seed);
        }
        builder.with_wal_admin(Arc::new(FlushedWal)).build().await.map_err(failed())
    }

    /// Deletes a database and what it pinned in others; fine if some or all of it is gone.
    pub(crate) async fn delete(&self, path: &Path) -> Result<()> {
        let failed = || StorageError::engine(format!("deleting {path}"));
        if self.manifest(path).await?.is_some() {
            self.admin(path).delete_db(true).await.map_err(failed())?;
        }
        self.delete_parts(path).await
    }

    /// Deletes a database's files and what the log has of it.
    pub(crate) async fn delete_parts(&self, path: &Path) -> Result<()> {
        self.delete_files(path).await?;
        self.forget_rows(path).await
    }

    /// Lets the log forget a database that is never opened again.
    pub(crate) async fn forget_rows(&self, path: &Path) -> Result<()> {
        match &self.wal {
            Some(wal) => wal.drop_database(path).await,
            None => Ok(()),
        }
    }

    /// Deletes all files below `path`.
    pub(crate) async fn delete_files(&self, path: &Path) -> Result<()> {
        let failed = || StorageError::store(format!("deleting {path}"));
        let files: Vec<_> = self.store.list(Some(path)).try_collect().await.map_err(failed())?;
        for file in files {
            match self.store.delete(&file.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed()(error)),
            }
        }
        Ok(())
    }

    /// The databases that the one at `path` borrows files from.
    pub(crate) async fn lenders(&self, path: &Path) -> Result<Vec<Lender>> {
        let manifest = self.manifest(path).await?;
        Ok(manifest.iter().flat_map(Lender::all).collect())
    }

    /// Asks for a compaction of all files of an open database into one run of its own; false if
    /// that was asked for already.
    pub(crate) fn compact_all(&self, path: &Path) -> bool {
        self.compactions.want_all(path)
    }

    /// Takes lenders whose files are not used any more off a database's list, also by states of it
    /// that are still pinned, and removes what it pinned in them.
    pub(crate) async fn forget_lenders(&self, path: &Path) -> Result<()> {
        let options = GarbageCollectorOptions {
            detach_options: Some(GarbageCollectorScheduleOptions::default()),
            ..no_garbage_options(self.bucket)
        };
        let collected = self.admin(path).run_gc_once(options).await;
        collected.map_err(StorageError::engine(format!("detaching {path}")))
    }

    fn admin(&self, path: &Path) -> Admin {
        let builder = AdminBuilder::new(path.clone(), self.store.clone());
        let builder = builder.with_system_clock(self.clock.clone());
        match self.seed() {
            Some(seed) => builder.with_seed(seed).build(),
            None => builder.build(),
        }
    }

    fn seed(&self) -> Option<u64> {
        self.seeds.as_ref().map(|seeds| seeds.lock().next_u64())
    }
}

/// A file of the log that the database at `path` has for itself.
pub(crate) async fn own_log_file(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
) -> Result<Option<Path>> {
    let own = path.clone().join(OWN_LOG);
    let found = store.list(Some(&own)).try_next().await;
    let found = found.map_err(StorageError::store(format!("listing {own}")))?;
    Ok(found.map(|file| file.location))
}

/// When a flush would have to wait for a compaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlushLimits {
    files: usize,
    files_per_key: usize,
}

impl FlushLimits {
    pub(crate) fn new(settings: &StorageSettings) -> Self {
        Self { files: settings.l0_files_max, files_per_key: settings.l0_files_per_key_max }
    }

    /// Whether a database with this manifest can flush a few times without waiting.
    pub(crate) fn have_room(&self, manifest: &VersionedManifest) -> bool {
        manifest.l0().len() + L0_SPARE < self.files
            && files::l0_depth(manifest) + L0_SPARE < self.files_per_key
    }
}

/// Writes everything that is in memory into sorted files, and the manifest that names them.
pub(crate) async fn flush_memtable(db: &Db) -> std::result::Result<(), slatedb::Error> {
    db.flush_with_options(FlushOptions { flush_type: FlushType::MemTable }).await
}

/// A range of the key axis; what lies behind the axis is not carried over to children.
fn bounds(range: &KeyRange) -> (Bound<Bytes>, Bound<Bytes>) {
    let start = match range.start.is_empty() {
        true => Bound::Unbounded,
        false => Bound::Included(range.start.clone()),
    };
    let end = range.end.clone();
    let end = end.unwrap_or_else(|| Bytes::from_static(&AXIS_END));
    (start, Bound::Excluded(end))
}
