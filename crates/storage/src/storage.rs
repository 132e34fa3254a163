//! A store: the data directory, its catalog, and its open tables.

use crate::backup::Backups;
use crate::blobs::Blobs;
use crate::bucket;
use crate::catalog::{CATALOG, Catalog, TableObject, check_table_name};
use crate::directory::DataDirectory;
use crate::engine::{Engine, EngineCounter};
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::map::AXIS_END;
use crate::record::table::{PartitionRecord, TableRecord, TableState};
use crate::rows::RowCache;
use crate::settings::{Components, LogKind, StorageSettings};
use crate::table::open::Expect;
use crate::table::{Life, Shared, Table};
use crate::versioned::CatalogContext;
use crate::wal::NodeWal;
use crate::wal::keeper::Keeper;
use bytes::Bytes;
use nodelog::LogMetrics;
use std::sync::Arc;
use tokio::sync::{MutexGuard, watch};
use types::{KeyRange, TableId};

mod drop;
mod recovery;

/// What it takes to make a table.
#[derive(Clone, Debug)]
pub struct NewTable {
    /// 1 to 255 of `a-z A-Z 0-9 _ - .`.
    pub name: String,
    /// Kept with the table and handed back; not interpreted.
    pub definition: serde_json::Value,
    /// The boundaries between its first partitions, rising; none for one partition.
    pub boundaries: Vec<Bytes>,
}

/// An open store. Close it with [`close`](Self::close): one that is merely dropped loses nothing, but
/// works on in the background until the runtime ends.
pub struct Storage {
    pub(crate) shared: Arc<Shared>,
    pub(crate) catalog: Catalog,
    blobs: Blobs,
    /// Sorted by name.
    tables: watch::Sender<Arc<Vec<Arc<Table>>>>,
    /// Held while the list of tables changes; whether the store is closed.
    changing: tokio::sync::Mutex<Closed>,
}

/// Whether a store is closed.
#[derive(Debug)]
pub(crate) struct Closed(bool);

impl Storage {
    /// Opens a data directory, or makes one, and finishes or undoes what a crash interrupted.
    pub async fn open(settings: StorageSettings, components: Components) -> Result<Arc<Self>> {
        settings.check()?;
        let directory = open_directory(&settings, &components).await?;
        directory.sync_tree(CATALOG)?;
        let context = Arc::new(CatalogContext::new(
            directory.clone(),
            components.faults.clone(),
            components.seed,
            settings.catalog_decide_ms_max,
        ));
        let now_ms = components.clock.now_ms();
        let catalog = Catalog::open(context.clone(), now_ms, settings.log_kind()).await?;
        let store = directory.store().clone();
        let wal = open_log(&directory, &settings, &components).await?;
        let engine = Arc::new(Engine::new(store.clone(), &settings, &components, wal));
        let shared = Arc::new(Shared {
            _keeper: engine.wal().map(|wal| Keeper::start(wal, &engine)),
            engine,
            rows: RowCache::new(settings.row_cache_bytes),
            backups: Backups::default(),
            catalog: context,
            directory,
            clock: components.clock,
            settings,
        });
        let opened = recovery::open_tables(&shared, &catalog).await;
        if opened.is_err() {
            shared.close_log().await;
        }
        let tables = opened?;
        let opened = Arc::new(Self {
            shared,
            catalog,
            blobs: Blobs::new(store),
            tables: watch::Sender::new(Arc::new(tables)),
            changing: tokio::sync::Mutex::new(Closed(false)),
        });
        if let Err(error) = opened.tidy_backups().await {
            opened.close().await?;
            return Err(error);
        }
        Ok(opened)
    }

    /// Makes a table. If the process dies meanwhile, there is either no table or a whole one.
    pub async fn create_table(&self, new: NewTable) -> Result<Arc<Table>> {
        check_table_name(&new.name)?;
        let ranges = KeyRange::full().cut(&new.boundaries).ok_or_else(|| {
            StorageError::Refused(format!(
                "table {}: the boundaries must not be empty and must rise",
                new.name
            ))
        })?;
        if new.boundaries.iter().any(|boundary| **boundary >= AXIS_END[..]) {
            let reason = format!("table {}: a boundary lies beyond the key axis", new.name);
            return Err(StorageError::Refused(reason));
        }
        let _changing = self.change().await?;
        let object = self.free_name(&new.name).await?;
        let id = self.catalog.take_table_id().await?;
        self.shared.reached(FaultPoint::CreateNumbered).await?;
        let record = first_record(id, new, &ranges, self.shared.clock.now_ms());
        self.make_table(object, record, Expect::Nothing).await
    }

    /// The record of a name that no table has. The caller has the right to change the list of tables.
    pub(crate) async fn free_name(&self, name: &str) -> Result<TableObject> {
        check_table_name(name)?;
        let taken = || StorageError::TableExists(name.to_owned());
        if self.table(name).is_some() {
            return Err(taken());
        }
        let object = self.catalog.table(name).await?;
        let before = object.record().await?;
        match before.is_some_and(|before| before.state != TableState::Dropped) {
            true => Err(taken()),
            false => Ok(object),
        }
    }

    /// Makes a table that `record` is the first record of. The caller has the right to change the list
    /// of tables.
    pub(crate) async fn make_table(
        &self,
        object: TableObject,
        record: TableRecord,
        expect: Expect,
    ) -> Result<Arc<Table>> {
        // The databases come first: what the catalog names is there, always.
        let shared = self.shared.clone();
        let table = Table::open(shared, object, record.clone(), expect).await?;
        if let Err(error) = self.publish(&table, record).await {
            table.close(Life::Dropped).await?;
            return Err(error);
        }
        self.change_tables(|tables| {
            let at = tables.partition_point(|other| other.name() < table.name());
            tables.insert(at, table.clone());
        });
        Ok(table)
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<Arc<Table>> {
        let tables = self.tables.borrow();
        let found = tables.binary_search_by(|table| table.name().cmp(name)).ok()?;
        Some(tables[found].clone())
    }

    /// All tables, by name.
    pub fn tables(&self) -> Vec<Arc<Table>> {
        self.tables.borrow().to_vec()
    }

    /// Follows the list of tables: a new value when one is made or dropped.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Vec<Arc<Table>>>> {
        self.tables.subscribe()
    }

    /// What the node log has counted since the start, and whether it has failed: then every write
    /// is refused until a restart. `None` if each partition has a log of its own.
    pub fn log_metrics(&self) -> Option<LogMetrics> {
        self.shared.engine.wal().map(NodeWal::metrics)
    }

    /// What the engine has counted since the start, over all partitions.
    pub fn engine_counters(&self) -> Vec<EngineCounter> {
        self.shared.engine.counters()
    }

    /// Small named objects for the crates above.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Closes all tables and lets another process have the directory. Calls that are under way
    /// finish first, later ones fail.
    pub async fn close(&self) -> Result<()> {
        let mut changing = self.changing.lock().await;
        if std::mem::replace(&mut changing.0, true) {
            return Ok(());
        }
        self.blobs.close();
        let tables = self.tables();
        let close = |table: Arc<Table>| async move {
            // A workflow that has begun runs to its end.
            let _workflow = table.workflow.lock().await;
            table.close(Life::Closed).await
        };
        let closed = futures::future::join_all(tables.into_iter().map(close)).await;
        self.shared.backups.close().await;
        self.shared.close_log().await;
        self.shared.directory.unlock();
        closed.into_iter().collect()
    }

    /// The right to change the list of tables.
    pub(crate) async fn change(&self) -> Result<MutexGuard<'_, Closed>> {
        let changing = self.changing.lock().await;
        match changing.0 {
            true => Err(StorageError::Closed),
            false => Ok(changing),
        }
    }

    /// Writes a new table's record. If that fails, its databases belong to nobody and are deleted
    /// at the next start.
    async fn publish(&self, table: &Table, record: TableRecord) -> Result<()> {
        self.shared.reached(FaultPoint::CreatePrepared).await?;
        // Another process would delete the databases: it does not know the table.
        self.catalog.confirm().await?;
        table.object.create(record).await
    }

    fn change_tables(&self, change: impl FnOnce(&mut Vec<Arc<Table>>)) {
        self.tables.send_modify(|tables| {
            let mut changed = tables.to_vec();
            change(&mut changed);
            *tables = Arc::new(changed);
        });
    }
}

/// Opens the data directory, or what is in its place.
async fn open_directory(
    settings: &StorageSettings,
    components: &Components,
) -> Result<Arc<DataDirectory>> {
    let directory = match (&settings.store, &components.disk) {
        (Some(address), _) => DataDirectory::bucket(bucket::open(address)?),
        (None, Some(disk)) => DataDirectory::simulated(disk)?,
        (None, None) => {
            let (root, fsync) = (settings.directory.clone(), settings.fsync);
            let opening = tokio::task::spawn_blocking(move || DataDirectory::open(&root, fsync));
            opening.await.map_err(|_| StorageError::Closed)??
        }
    };
    Ok(Arc::new(match &components.layer {
        Some(layer) => directory.under(&**layer),
        None => directory,
    }))
}

/// Opens the log that all databases share, if they do.
async fn open_log(
    directory: &Arc<DataDirectory>,
    settings: &StorageSettings,
    components: &Components,
) -> Result<Option<NodeWal>> {
    match settings.log_kind() {
        LogKind::Node => NodeWal::open(directory, settings, components).await.map(Some),
        LogKind::Engine => Ok(None),
    }
}

/// The record of a new table whose partitions own `ranges`.
pub(crate) fn first_record(
    id: TableId,
    new: NewTable,
    ranges: &[KeyRange],
    now_ms: i64,
) -> TableRecord {
    let mut record = TableRecord {
        id,
        name: new.name,
        created_ms: now_ms,
        state: TableState::Active,
        definition: new.definition,
        epoch: 1,
        next_partition: 1,
        partitions: Vec::new(),
        reslice: None,
        retired: Vec::new(),
        order: 0,
        rekey: None,
        rekeyed_ms: None,
        borrows: Vec::new(),
    };
    let numbered = record.take_partition_ids(ranges.len()).into_iter().zip(ranges);
    record.partitions =
        numbered.map(|(id, range)| PartitionRecord::new(id, range, now_ms)).collect();
    record
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("location", &self.shared.settings.location()).finish()
    }
}
