//! A table: routes each key to its partition and follows the partition map as it changes.
//!
//! Reads and writes take the route of the moment and hold on to the partition while they use it. A
//! partition that was replaced turns them away, and they take the new route; the new route is in
//! place before the old partition turns anybody away.

use crate::backup::Backups;
use crate::catalog::TableObject;
use crate::engine::Engine;
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::maintain::Unneeded;
use crate::map::{AXIS_END, PartitionInfo, PartitionMap};
use crate::partition::{Change, Gate, Partition, Usage};
use crate::record::table::TableRecord;
use crate::rekey::Rekeying;
use crate::rows::RowCache;
use crate::scan::{Direction, Scan};
use crate::settings::StorageSettings;
use crate::versioned::CatalogContext;
use crate::wal::keeper::Keeper;
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::sync::{Notify, OwnedMutexGuard, watch};
use types::{Clock, KeyRange, PartitionId, TableId};

pub(crate) mod open;
mod order;
mod revive;

pub use order::InOrder;
pub(crate) use order::{Place, Previous};

/// The longest storage key.
pub const KEY_BYTES_MAX: usize = 16 << 10;
/// The largest value.
pub const VALUE_BYTES_MAX: usize = 8 << 20;

/// What all tables of a store share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    /// Rows that are read often, of all partitions.
    pub(crate) rows: RowCache,
    /// What was backed up, and who needs which database.
    pub(crate) backups: Backups,
    /// Lets the node log forget, if there is one.
    pub(crate) _keeper: Option<Keeper>,
    pub(crate) catalog: Arc<CatalogContext>,
    pub(crate) directory: Arc<crate::directory::DataDirectory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: StorageSettings,
}

impl Shared {
    pub(crate) async fn reached(&self, point: FaultPoint) -> Result<()> {
        self.catalog.reached(point).await
    }

    /// Ends the node log, if there is one. The databases are closed.
    pub(crate) async fn close_log(&self) {
        if let Some(wal) = self.engine.wal() {
            wal.close().await;
        }
    }
}

/// What a writer wants done with the key it was shown, and what it wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<R> {
    /// Store this value.
    Put(Bytes, R),
    /// Remove the key.
    Delete(R),
    /// Leave it as it is.
    Keep(R),
}

/// An open table.
pub struct Table {
    id: TableId,
    name: String,
    created_ms: i64,
    defined: ArcSwap<Defined>,
    /// Held while the definition changes.
    pub(crate) defining: tokio::sync::Mutex<()>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) object: TableObject,
    routes: ArcSwap<Routes>,
    map: watch::Sender<Arc<PartitionMap>>,
    state: ArcSwap<Life>,
    /// Wakes those who wait for something else when the table does not answer any more.
    pub(crate) ended: Notify,
    /// Set for good when it cannot be found out whether a new map was published.
    undecided: AtomicBool,
    /// Held by whatever changes the table's partitions.
    pub(crate) workflow: Arc<tokio::sync::Mutex<()>>,
    /// Which retired partitions nobody needs any more.
    pub(crate) unneeded: Unneeded,
    /// The files of which retired partitions nobody shows any more.
    pub(crate) unused: Unneeded,
    /// Held, shared, by retired partitions that are still being closed.
    pub(crate) closing: Arc<tokio::sync::RwLock<()>>,
    /// The key order of before, for scans that began in it.
    pub(crate) previous: ArcSwapOption<Previous>,
    /// The rekey that is under way, or was when the process before ended.
    pub(crate) rekeying: Rekeying,
    rekeyed_ms: AtomicI64,
}

/// What the crates above keep with a table, and the key order that this is about.
#[derive(Debug)]
pub struct Defined {
    /// How often the table's key order has changed: requests name it, so that none is answered with
    /// keys of another order.
    pub order: u64,
    /// Not interpreted here.
    pub definition: Arc<serde_json::Value>,
}

/// Whether a table still answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Serving,
    Dropped,
    Closed,
}

/// The partition map and the open partitions, in the same order.
pub(crate) struct Routes {
    /// Which key order the map is about.
    pub(crate) order: u64,
    pub(crate) map: Arc<PartitionMap>,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

impl Table {
    /// The table's number: another one if a table of this name is dropped and made again.
    pub fn id(&self) -> TableId {
        self.id
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the table was made, by the store's clock.
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// What the crates above keep with the table.
    pub fn definition(&self) -> Arc<serde_json::Value> {
        self.defined.load().definition.clone()
    }

    /// The same with the key order that it belongs to; another object after every change.
    pub fn defined(&self) -> Arc<Defined> {
        self.defined.load_full()
    }

    /// Whether that is still what `defined` says.
    pub fn is_defined_by(&self, defined: &Arc<Defined>) -> bool {
        Arc::ptr_eq(&self.defined.load(), defined)
    }

    pub(crate) fn set_defined(&self, order: u64, definition: serde_json::Value) {
        self.defined.store(Arc::new(Defined { order, definition: Arc::new(definition) }));
    }

    /// Replaces the definition by what `change` makes of it.
    pub async fn update_definition(
        &self,
        change: impl FnOnce(&serde_json::Value) -> serde_json::Value + Send,
    ) -> Result<()> {
        let _one_at_a_time = self.defining.lock().await;
        self.check_alive()?;
        let changed = |record: &mut TableRecord| {
            record.definition = change(&record.definition);
            Ok(record.definition.clone())
        };
        let definition = self.object.update(changed).await?;
        self.set_defined(self.order(), definition);
        Ok(())
    }

    /// The partition map of the moment.
    pub fn partition_map(&self) -> Arc<PartitionMap> {
        self.routes.load().map.clone()
    }

    /// Follows the partition map: a new value after every reslice.
    pub fn subscribe(&self) -> watch::Receiver<Arc<PartitionMap>> {
        self.map.subscribe()
    }

    /// The partition that owns `key` at the moment.
    pub fn partition_of(&self, key: &[u8]) -> PartitionId {
        self.routes.load().map.partition_of(key).id
    }

    /// The newest durable version of a key: what was acknowledged before this call is seen, what a
    /// crash could undo is not.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.get_in(self.order(), key).await
    }

    pub(crate) async fn get_in(&self, order: u64, key: &[u8]) -> Result<Option<Bytes>> {
        let (partition, _usage) = self.enter_in(order, |map| map.index_of(key))?;
        partition.get(key).await
    }

    /// Shows `decide` the newest version of a key and does what it says, before anybody else can
    /// change the key. Returns when the answer is durable: also if nothing was changed, and also
    /// if the version that was shown was written by somebody who is still waiting.
    pub async fn read_modify_write<R: Send>(
        &self,
        key: &[u8],
        decide: impl FnOnce(Option<&Bytes>) -> Decision<R> + Send,
    ) -> Result<R> {
        self.read_modify_write_in(self.order(), key, decide).await
    }

    pub(crate) async fn read_modify_write_in<R: Send>(
        &self,
        order: u64,
        key: &[u8],
        decide: impl FnOnce(Option<&Bytes>) -> Decision<R> + Send,
    ) -> Result<R> {
        check_key(key)?;
        let mut has_waited = false;
        let writer = loop {
            self.room().await?;
            let (partition, usage) = self.enter_in(order, |map| map.index_of(key))?;
            if !has_waited && partition.is_behind() {
                drop(usage);
                partition.less_behind(self.shared.settings.backlog_wait_ms_max).await;
                has_waited = true;
                continue;
            }
            if let Some(writer) = partition.writer(usage, key).await? {
                break writer;
            }
        };
        let newest = writer.newest(key).await?;
        let (change, answer) = match decide(newest.as_ref()) {
            Decision::Keep(answer) => {
                writer.keep().await?;
                return Ok(answer);
            }
            Decision::Put(value, answer) => (Change::Put(value), answer),
            Decision::Delete(answer) => (Change::Delete, answer),
        };
        if let Err(refused) = check_change(&change) {
            // What was judged may not be durable yet, or never.
            writer.keep().await?;
            return Err(refused);
        }
        writer.write(Bytes::copy_from_slice(key), change).await?;
        Ok(answer)
    }

    /// Reads the keys of a range in order. The scan goes on across partitions, also while they are
    /// resliced; each key is read as it is when the scan gets there or shortly before.
    pub fn scan(self: &Arc<Self>, range: KeyRange, direction: Direction) -> Scan {
        Scan::new(self.clone(), self.order(), range, direction)
    }

    /// The partition that `index` chooses from the map, and the right to use it.
    pub(crate) fn enter(
        &self,
        index: impl Fn(&PartitionMap) -> usize,
    ) -> Result<(Arc<Partition>, Usage)> {
        self.enter_in(self.order(), index)
    }

    /// The same for a key of this order.
    pub(crate) fn enter_in(
        &self,
        order: u64,
        index: impl Fn(&PartitionMap) -> usize,
    ) -> Result<(Arc<Partition>, Usage)> {
        loop {
            self.check_alive()?;
            let routes = self.routes.load();
            if routes.order != order {
                return Err(StorageError::Rekeyed(self.name.clone()));
            }
            let partition = &routes.partitions[index(&routes.map)];
            if let Some(usage) = partition.enter() {
                return Ok((partition.clone(), usage));
            }
            // It was replaced after the route was read: the new route is there already.
        }
    }

    /// Waits while the log is full, and until the table is closed at the most. The caller holds nothing:
    /// what it waits for may be a partition that waits for it.
    pub(crate) async fn room(&self) -> Result<()> {
        let Some(wal) = self.shared.engine.wal() else {
            return Ok(());
        };
        // The log of a closed store is closed, too; that is not what its callers are told.
        let or_ended = |error| self.check_alive().and(Err(error));
        if !wal.is_full() {
            return wal.check().or_else(or_ended);
        }
        let mut ended = std::pin::pin!(self.ended.notified());
        ended.as_mut().enable();
        self.check_alive()?;
        tokio::select! {
            biased;
            room = wal.room(self.shared.settings.log_wait_ms_max) => room.or_else(or_ended),
            () = ended => self.check_alive(),
        }
    }

    pub(crate) fn check_alive(&self) -> Result<()> {
        match **self.state.load() {
            Life::Serving => Ok(()),
            Life::Dropped => Err(StorageError::NoSuchTable(self.name.clone())),
            Life::Closed => Err(StorageError::Closed),
        }
    }

    /// The right to change the table's partitions; one at a time.
    pub(crate) fn begin_workflow(&self) -> Result<OwnedMutexGuard<()>> {
        let busy = |_| StorageError::Busy(self.name.clone());
        let held = self.workflow.clone().try_lock_owned().map_err(busy)?;
        self.check_alive()?;
        self.check_decided().map(|()| held)
    }

    /// An error if only a restart finds out what the table's partitions are.
    pub(crate) fn check_decided(&self) -> Result<()> {
        match self.undecided.load(Ordering::SeqCst) {
            true => Err(StorageError::Undecided(format!("the map of table {}", self.name))),
            false => Ok(()),
        }
    }

    /// Waits for that right, for a workflow that has begun already; not longer than the table answers.
    pub(crate) async fn workflow_again(&self) -> Result<OwnedMutexGuard<()>> {
        let mut ended = std::pin::pin!(self.ended.notified());
        ended.as_mut().enable();
        self.check_alive()?;
        // Who closes the table has it, and waits for its workflows.
        tokio::select! {
            biased;
            held = self.workflow.clone().lock_owned() => self.check_alive().map(|()| held),
            () = ended => Err(self.check_alive().err().unwrap_or(StorageError::Closed)),
        }
    }

    /// No workflow begins any more, until a restart finds out what is the case.
    pub(crate) fn set_undecided(&self) {
        self.undecided.store(true, Ordering::SeqCst);
    }

    /// No write is accepted any more, until a restart finds out what is the case. The caller holds the
    /// workflow.
    pub(crate) async fn stop_writes(&self) {
        self.set_undecided();
        let object = format!("the record of table {}", self.name);
        let stop = |partition: Arc<Partition>| {
            let stopped = Gate::Undecided(object.clone());
            async move { *partition.close_gate().await = stopped }
        };
        futures::future::join_all(self.routes().partitions.iter().cloned().map(stop)).await;
    }

    pub(crate) fn routes(&self) -> Arc<Routes> {
        self.routes.load_full()
    }

    /// Sends requests by a new map from now on and tells the subscribers.
    pub(crate) fn set_routes(&self, routes: Routes) {
        let map = routes.map.clone();
        self.routes.store(Arc::new(routes));
        self.map.send_replace(map);
    }

    /// Lets the log forget partitions that are closed and never opened again. Not all of what they hold there
    /// is in files, so they would hold the log until they are deleted.
    pub(crate) async fn forget_in_log(&self, closed: &[Arc<Partition>]) {
        let Some(wal) = self.shared.engine.wal() else { return };
        for partition in closed {
            if let Err(error) = wal.drop_database(partition.path()).await {
                // The next start does it.
                tracing::warn!(partition = %partition.id(), %error, "the log keeps a closed partition");
            }
        }
    }

    /// Turns all requests away, waits until those under way are done, and closes the databases.
    /// The caller holds the workflow, so that the partitions stay as they are.
    pub(crate) async fn close(&self, why: Life) -> Result<()> {
        {
            let _defining = self.defining.lock().await;
            self.state.store(Arc::new(why));
            self.ended.notify_waiters();
        }
        let routes = self.routes.load_full();
        let closes = routes.partitions.iter().map(|partition| partition.close());
        let closed = futures::future::join_all(closes).await;
        self.rekeying.ended().await;
        drop(self.closing.write().await);
        closed.into_iter().collect()
    }
}

impl Routes {
    pub(crate) fn new(
        table: TableId,
        epoch: u64,
        order: u64,
        partitions: Vec<Arc<Partition>>,
    ) -> Self {
        let infos: Vec<PartitionInfo> = partitions.iter().map(|p| p.info().clone()).collect();
        Self { order, map: Arc::new(PartitionMap { table, epoch, partitions: infos }), partitions }
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("id", &self.id).field("name", &self.name).finish()
    }
}

fn check_key(key: &[u8]) -> Result<()> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(StorageError::Refused(format!(
            "a storage key has 1 to {KEY_BYTES_MAX} bytes, this one has {}",
            key.len()
        )));
    }
    if key >= AXIS_END.as_slice() {
        let reason = "a storage key does not begin with nine bytes 0xff: those are reserved";
        return Err(StorageError::Refused(reason.to_owned()));
    }
    Ok(())
}

fn check_change(change: &Change) -> Result<()> {
    match change {
        Change::Put(value) if value.len() > VALUE_BYTES_MAX => Err(StorageError::Refused(format!(
            "a value has up to {VALUE_BYTES_MAX} bytes, this one has {}",
            value.len()
        ))),
        _ => Ok(()),
    }
}
