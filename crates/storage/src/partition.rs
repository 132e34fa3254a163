//! One open partition: its database, its gate, its latches, and the commit of its writes.
//!
//! Three locks, taken in this order, keep a partition's requests and its replacement apart:
//!
//! - **usage** is held, shared, by everything that touches the database; its owner closes the
//!   database only when it holds it alone.
//! - **latches** order the writers of one key: each judges the newest version and hands its own to
//!   the engine before the next may look.
//! - **the gate** is held, shared, from a writer's judgement to the handing over. A cutover takes it
//!   alone: then nothing is under way, and writers queue up behind it. What it says when it is
//!   released decides whether they go on here or move to the children.
//!
//! Waiting for durability is done with usage only, so neither a hot key nor a cutover waits for
//! the disk on behalf of a writer.

use crate::engine::{FlushLimits, flush_memtable};
use crate::error::{Result, StorageError};
use crate::latch::{Latch, Latches};
use crate::map::PartitionInfo;
use crate::rows::{Rows, RowsNumber};
use crate::size::KnownSizes;
use crate::table::Shared;
use crate::uncancelled::uncancelled;
use crate::wal::NodeWal;
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use object_store::path::Path;
use slatedb::config::{DurabilityLevel, PutOptions, ReadOptions, WriteOptions};
use slatedb::{CloseReason, Db, DbStatus, WriteBatch, WriteHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, watch};
use tokio::time::timeout;
use types::PartitionId;

mod backlog;
pub(crate) mod bulk;
pub(crate) mod capture;
mod commit;
pub(crate) mod tee;

use capture::{Capture, record_of};
use commit::Committer;
use tee::Tee;

/// What a writer finds when it has passed the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Write here.
    Open,
    /// The partition was replaced or its table dropped: ask the table again.
    Retired,
    /// The named catalog object may or may not have been written: no writes until a restart.
    Undecided(String),
}

/// The right to use a partition's database.
#[derive(Debug)]
pub(crate) struct Usage {
    _guard: OwnedRwLockReadGuard<Closed>,
}

/// Whether a partition's database is closed.
#[derive(Debug)]
struct Closed(bool);

/// A partition that serves, or did until a moment ago.
pub(crate) struct Partition {
    info: PartitionInfo,
    path: Path,
    db: Arc<Db>,
    status: watch::Receiver<DbStatus>,
    /// Where its writes go first, if that is shared with other partitions.
    wal: Option<NodeWal>,
    gate: Arc<RwLock<Gate>>,
    usage: Arc<RwLock<Closed>>,
    /// Set before the gate says so, for readers, which do not look at the gate.
    retired: AtomicBool,
    latches: Latches,
    /// Held, shared, by whoever hands over batches past the gate; alone by whoever needs to know what the
    /// last write is.
    bulk: RwLock<()>,
    /// The largest sequence number that was handed out here or found at opening.
    accepted_seq: AtomicU64,
    /// Writes up to this one are known to be durable, perhaps more are.
    durable_seq: AtomicU64,
    /// The last accepted write when somebody last asked whether it was quiet here.
    quiet_seq: AtomicU64,
    /// What was handed over since the last flush that was asked for here.
    handed_bytes: AtomicU64,
    sizes: KnownSizes,
    read_ms_max: u64,
    rows: Rows,
    /// Notes the keys that are written, while the table's key order changes. Set and taken away while
    /// the gate is closed.
    capture: ArcSwapOption<Capture>,
    /// Keeps what is written, while the partition's successors are made. Set while the gate is closed.
    tee: ArcSwapOption<Tee>,
    /// `None` if the log commits by itself.
    committer: Option<Committer>,
}

/// A change of one key.
#[derive(Debug)]
pub(crate) enum Change {
    Put(Bytes),
    Delete,
}

/// A writer that may judge a key's newest version: nobody else can change it now.
pub(crate) struct KeyWriter {
    partition: Arc<Partition>,
    usage: Usage,
    latch: Latch,
    gate: OwnedRwLockReadGuard<Gate>,
}

impl Partition {
    pub(crate) fn new(
        info: PartitionInfo,
        path: Path,
        db: Arc<Db>,
        rows: RowsNumber,
        shared: &Shared,
    ) -> Arc<Self> {
        let (wal, settings) = (shared.engine.wal().cloned(), &shared.settings);
        let committer =
            wal.is_none().then(|| Committer::start((*db).clone(), settings.flush_pause()));
        let accepted_seq = AtomicU64::new(db.subscribe().borrow().durable_seq);
        Arc::new(Self {
            info,
            path,
            committer,
            status: db.subscribe(),
            db,
            wal,
            gate: Arc::new(RwLock::new(Gate::Open)),
            usage: Arc::new(RwLock::new(Closed(false))),
            retired: AtomicBool::new(false),
            latches: Latches::default(),
            bulk: RwLock::default(),
            durable_seq: AtomicU64::new(accepted_seq.load(Ordering::SeqCst)),
            quiet_seq: AtomicU64::new(u64::MAX),
            accepted_seq,
            handed_bytes: AtomicU64::new(0),
            sizes: KnownSizes::default(),
            read_ms_max: settings.read_ms_max,
            rows: shared.rows.of_partition(rows),
            capture: ArcSwapOption::empty(),
            tee: ArcSwapOption::empty(),
        })
    }

    pub(crate) fn info(&self) -> &PartitionInfo {
        &self.info
    }

    pub(crate) fn id(&self) -> PartitionId {
        self.info.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn accepted_seq(&self) -> u64 {
        self.accepted_seq.load(Ordering::SeqCst)
    }

    /// Whether nothing was written since this was last asked.
    pub(crate) fn was_quiet(&self) -> bool {
        let now = self.accepted_seq();
        self.quiet_seq.swap(now, Ordering::SeqCst) == now
    }

    /// About how many bytes are in memory only.
    pub(crate) fn unflushed_bytes(&self) -> u64 {
        let flushed = self.db.subscribe().borrow().current_manifest.last_l0_seq();
        match flushed < self.accepted_seq() {
            true => self.handed_bytes.load(Ordering::SeqCst),
            false => 0,
        }
    }

    pub(crate) fn sizes(&self) -> &KnownSizes {
        &self.sizes
    }

    /// Whether readers should look for the partition's successor.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Leaves what is known of hot rows to partitions that take the place of others. The gates of these are
    /// closed for good, and those have their content but no clients yet.
    pub(crate) fn hand_down_rows(from: &[Arc<Self>], to: &[Arc<Self>]) {
        let (from, to) = (from.iter().map(|one| &one.rows), to.iter().map(|one| &one.rows));
        Rows::hand_down(from, to);
    }

    /// The right to use the database; `None` if the partition was replaced.
    pub(crate) fn enter(&self) -> Option<Usage> {
        if self.is_retired() {
            return None;
        }
        // Only the closing of a retired partition ever waits for this lock.
        let guard = self.usage.clone().try_read_owned().ok()?;
        (!guard.0).then_some(Usage { _guard: guard })
    }

    /// The newest durable version of a key.
    pub(crate) async fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        if let Some(known) = self.rows.get(key) {
            // Nobody else would ask whether the database was taken over.
            match self.status.borrow().close_reason.is_none() {
                true => return Ok(known),
                false => self.rows.lose(key),
            }
        }
        let note = self.rows.note(key, |seq| self.is_durable(seq));
        let options = ReadOptions::new().with_durability_filter(DurabilityLevel::Remote);
        let value = self.in_time(self.db.get_with_options(key, &options)).await?;
        if let Some(note) = note {
            self.rows.keep(key, value.as_ref(), note);
        }
        Ok(value)
    }

    /// What the engine reads, or an error if it takes too long: it tries for ever to read a file.
    pub(crate) async fn in_time<T>(
        &self,
        read: impl Future<Output = std::result::Result<T, slatedb::Error>>,
    ) -> Result<T> {
        let bound_ms = self.read_ms_max;
        match timeout(Duration::from_millis(bound_ms), read).await {
            Ok(read) => read.map_err(StorageError::partition(self.id())),
            Err(_) => Err(StorageError::Unreadable { id: self.id(), bound_ms }),
        }
    }

    /// Waits for the turn to write `key`; `None` if the partition was replaced meanwhile.
    pub(crate) async fn writer(
        self: &Arc<Self>,
        usage: Usage,
        key: &[u8],
    ) -> Result<Option<KeyWriter>> {
        let latch = self.latches.lock(key).await;
        let gate = self.gate.clone().read_owned().await;
        match &*gate {
            Gate::Open => Ok(Some(KeyWriter { partition: self.clone(), usage, latch, gate })),
            Gate::Retired => Ok(None),
            Gate::Undecided(object) => Err(StorageError::Undecided(object.clone())),
        }
    }

    /// Whether what is written here is copied too slowly for the moment.
    pub(crate) fn is_behind(&self) -> bool {
        self.tee.load().as_ref().is_some_and(|tee| tee.backlog().is_full())
            || self.capture.load().as_ref().is_some_and(|capture| capture.backlog().is_full())
    }

    /// Waits until that has changed, or the time is over. Whoever calls this holds nothing.
    pub(crate) async fn less_behind(&self, wait_ms_max: u64) {
        // Only one of them is there: a table is not resliced while its key order changes.
        if let Some(tee) = self.tee.load_full() {
            tee.backlog().room(wait_ms_max).await;
        } else if let Some(capture) = self.capture.load_full() {
            capture.backlog().room(wait_ms_max).await;
        }
    }

    /// Stops writes. When this returns, none is under way.
    pub(crate) async fn close_gate(&self) -> OwnedRwLockWriteGuard<Gate> {
        self.gate.clone().write_owned().await
    }

    /// Writes what is in memory into sorted files.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.handed_bytes.store(0, Ordering::SeqCst);
        flush_memtable(&self.db).await.map_err(StorageError::partition(self.id()))
    }

    /// Waits until a flush would not have to wait for a compaction: until the unsorted files are
    /// fewer than the limits by some.
    pub(crate) async fn room_to_flush(&self, limits: &FlushLimits) -> Result<()> {
        let mut status = self.db.subscribe();
        let waited = status.wait_for(|status| {
            status.close_reason.is_some() || limits.have_room(&status.current_manifest)
        });
        waited.await.map(|_| ()).map_err(|_| StorageError::Closed)
    }

    /// Waits until the database is closed; true if it has closed itself, on an error that may pass.
    pub(crate) fn stopped(&self) -> impl Future<Output = bool> + use<> {
        let mut status = self.status.clone();
        async move {
            let closed = status.wait_for(|status| status.close_reason.is_some()).await;
            closed.is_ok_and(|status| {
                !matches!(status.close_reason, Some(CloseReason::Clean | CloseReason::Fenced))
            })
        }
    }

    /// Ends what may be left of a database that has stopped. Who still uses it gets errors.
    pub(crate) async fn abandon(&self) {
        if let Some(committer) = &self.committer {
            committer.stop();
        }
        if let Err(error) = self.db.close().await {
            tracing::debug!(partition = %self.path, %error, "closing a database that had stopped");
        }
    }

    /// Sends readers to the successors from now on.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Waits until nobody uses the database and closes it. Nobody can enter afterwards.
    pub(crate) async fn close(&self) -> Result<()> {
        self.retire();
        let mut alone = self.usage.write().await;
        if std::mem::replace(&mut alone.0, true) {
            return Ok(());
        }
        if let Some(committer) = &self.committer {
            committer.stop();
        }
        self.db.close().await.map_err(StorageError::partition(self.id()))
    }
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partition").field("info", &self.info).finish_non_exhaustive()
    }
}

impl KeyWriter {
    /// The newest version of the key, durable or not.
    pub(crate) async fn newest(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.partition.in_time(self.partition.db.get(key)).await
    }

    /// Hands a change to the engine and waits until it is durable. If the caller goes away, the
    /// change may or may not have happened, but it never happens after the next writer's turn.
    pub(crate) async fn write(self, key: Bytes, change: Change) -> Result<()> {
        let Self { partition, usage, mut latch, gate } = self;
        let writer = partition.clone();
        let handle = uncancelled(async move {
            let handle = writer.hand_over(key, change).await?;
            latch.last = Some(handle.clone());
            drop((latch, gate));
            Ok::<_, StorageError>(handle)
        })
        .await?;
        let durable = partition.durable(&handle).await;
        drop(usage);
        durable
    }

    /// Changes nothing, but waits until the version that was judged is durable.
    pub(crate) async fn keep(self) -> Result<()> {
        let Self { partition, usage, latch, gate } = self;
        let last: Option<WriteHandle> = latch.last.clone();
        drop((latch, gate));
        if let Some(last) = last {
            partition.durable(&last).await?;
        }
        drop(usage);
        // What was judged may be a version that will never be durable.
        partition.wal.as_ref().map_or(Ok(()), NodeWal::check)
    }
}

impl Partition {
    /// Waits until a write is durable.
    async fn durable(&self, write: &WriteHandle) -> Result<()> {
        let durable = match &self.wal {
            Some(wal) => wal.durable(write).await?,
            None => write.await_durable().await,
        };
        durable.map_err(StorageError::partition(self.id()))?;
        self.durable_seq.fetch_max(write.seqnum(), Ordering::SeqCst);
        Ok(())
    }

    /// Whether durable reads show all writes up to `seq`.
    fn is_durable(&self, seq: u64) -> bool {
        // Whoever waited for the last write may have gone away before it was durable.
        seq <= self.durable_seq.load(Ordering::SeqCst)
            || seq <= self.db.subscribe().borrow().durable_seq
    }

    async fn hand_over(&self, key: Bytes, change: Change) -> Result<WriteHandle> {
        let options = WriteOptions::default();
        let bytes = key.len() as u64;
        let writing = self.rows.writing(&key);
        let ticket = self.capture.load().as_ref().map(Capture::begin);
        let noting = self.tee.load().as_ref().map(|tee| tee.begin(&key, &change));
        let value_bytes = if let Change::Put(value) = &change { value.len() as u64 } else { 0 };
        self.handed_bytes.fetch_add(bytes + value_bytes, Ordering::SeqCst);
        let handed = match (ticket.as_ref(), change) {
            (None, Change::Put(value)) => {
                let put = PutOptions::default();
                self.db.put_bytes_with_options(key, value, &put, &options).await
            }
            (None, Change::Delete) => self.db.delete_with_options(key, &options).await,
            (Some(ticket), change) => {
                let mut batch = WriteBatch::new();
                batch.put_bytes(ticket.key(), record_of(&key));
                match change {
                    Change::Put(value) => batch.put_bytes(key, value),
                    Change::Delete => batch.delete(key),
                }
                self.db.write_with_options(batch, &options).await
            }
        };
        let handle = handed.map_err(StorageError::partition(self.id()))?;
        writing.handed_over(handle.seqnum());
        self.accepted_seq.fetch_max(handle.seqnum(), Ordering::SeqCst);
        drop(ticket);
        if let Some(noting) = noting {
            noting.handed_over(handle.seqnum());
        }
        if let Some(committer) = &self.committer {
            committer.wake();
        }
        Ok(handle)
    }
}
