//! The tables that a server serves: their definition, their storage, and their admission control.
//!
//! A view of what storage has, made once per table and looked up for every request without a lock.
//! Storage decides what exists: a table that appears there is served, one that is gone is not.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use dynamodb::{ApiError, Billing, TableDefinition};
use parking_lot::Mutex;
use storage::{Storage, Table};
use types::{Clock, PartitionId, TableId, Units};

use crate::admission::measured::Measured;
use crate::admission::{Admission, ExpectedLoad, Gate, HotKey};
use crate::settings::LimitSettings;

/// A table with everything that serving it takes.
#[derive(Debug)]
pub(crate) struct ServedTable {
    /// Its items.
    pub(crate) table: Arc<Table>,
    /// What CreateTable said of it, and the last UpdateTable. Requests under way keep the one that
    /// they began with.
    pub(crate) definition: TableDefinition,
    /// What its partitions admit; the same whatever becomes of the definition.
    pub(crate) admission: Arc<Admission>,
}

/// A gate with how its partition is.
#[derive(Debug)]
pub(crate) struct SeenGate {
    /// Of which table.
    pub(crate) table: TableId,
    /// The gate.
    pub(crate) gate: Arc<Gate>,
    /// The share of the bound on bytes that wait to be flushed.
    pub(crate) backlog_share: f64,
}

/// All tables of a server.
pub(crate) struct Tables {
    storage: Arc<Storage>,
    clock: Arc<dyn Clock>,
    limits: LimitSettings,
    expected: Option<ExpectedLoad>,
    served: ArcSwap<HashMap<TableId, Arc<ServedTable>>>,
    measured: Arc<Measured>,
    /// Held from reading a changed definition until it is served, so that the newest one wins.
    redefining: Mutex<()>,
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Tables {
    /// The tables of `storage`.
    pub(crate) fn new(
        storage: Arc<Storage>,
        clock: Arc<dyn Clock>,
        limits: LimitSettings,
        expected: Option<ExpectedLoad>,
    ) -> Self {
        Self {
            storage,
            clock,
            limits,
            expected,
            served: ArcSwap::default(),
            measured: Arc::default(),
            redefining: Mutex::new(()),
        }
    }

    /// The table called `name`, if there is one.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Arc<ServedTable>>, ApiError> {
        let Some(table) = self.storage.table(name) else {
            return Ok(None);
        };
        match self.served.load().get(&table.id()) {
            Some(served) => Ok(Some(Arc::clone(served))),
            None => self.serve(table).map(Some),
        }
    }

    /// The table whose items a request is about.
    pub(crate) fn for_items(&self, name: &str) -> Result<Arc<ServedTable>, ApiError> {
        self.get(name)?.ok_or_else(ApiError::table_not_found)
    }

    /// What the buckets of a partition have left; nothing without limits.
    pub(crate) fn credit(&self, table: TableId, partition: PartitionId) -> Option<Units> {
        let served = self.served.load().get(&table).cloned()?;
        let levels = served.admission.levels(&served.table.partition_map(), self.clock.now_ms());
        levels.into_iter().find(|(id, _)| *id == partition).map(|(_, units)| units)
    }

    /// What partitions and the node are seen to sustain.
    pub(crate) fn measured(&self) -> &Arc<Measured> {
        &self.measured
    }

    /// The gates of all tables.
    pub(crate) fn gates(&self) -> Vec<SeenGate> {
        let (served, now_ms) = (self.served.load(), self.clock.now_ms());
        let mut seen = Vec::new();
        for (table, served) in served.iter() {
            let backlogs: HashMap<PartitionId, f64> = served.table.backlogs().into_iter().collect();
            for gate in served.admission.gates(&served.table.partition_map(), now_ms) {
                let backlog_share = backlogs.get(&gate.partition()).copied().unwrap_or(0.0);
                seen.push(SeenGate { table: *table, gate, backlog_share });
            }
        }
        seen
    }

    /// The keys that ask for much of what their partitions serve, of all tables.
    pub(crate) fn hot_keys(&self) -> Vec<(TableId, PartitionId, HotKey)> {
        let served = self.served.load();
        let of = |(table, served): (&TableId, &Arc<ServedTable>)| {
            let table = *table;
            let keys = served.admission.hot_keys().into_iter();
            keys.map(move |(partition, key)| (table, partition, key)).collect::<Vec<_>>()
        };
        served.iter().flat_map(of).collect()
    }

    /// Serves a table by the definition that it has now.
    pub(crate) fn redefine(&self, old: &ServedTable) -> Result<Arc<ServedTable>, ApiError> {
        let _newest_wins = self.redefining.lock();
        let definition = definition_of(&old.table)?;
        let table = Arc::clone(&old.table);
        let admission = Arc::clone(&old.admission);
        if definition.billing != old.definition.billing {
            admission.provisioned.change(provisioned(&definition), self.clock.now_ms());
        }
        let new = Arc::new(ServedTable { table, definition, admission });
        self.served.rcu(|served| {
            let mut served = HashMap::clone(served);
            served.insert(new.table.id(), Arc::clone(&new));
            served
        });
        Ok(new)
    }

    /// Stops serving tables that storage does not have any more.
    pub(crate) fn forget_dropped(&self) {
        self.served.rcu(|served| {
            let mut served = HashMap::clone(served);
            served.retain(|_, table| self.is_there(table));
            served
        });
    }

    fn is_there(&self, served: &ServedTable) -> bool {
        let there = self.storage.table(served.table.name());
        there.is_some_and(|table| table.id() == served.table.id())
    }

    /// Begins to serve a table, and forgets those that are gone. If two requests do so at once, the
    /// first one's buckets are used.
    fn serve(&self, table: Arc<Table>) -> Result<Arc<ServedTable>, ApiError> {
        let definition = definition_of(&table)?;
        let map = table.partition_map();
        let now_ms = self.clock.now_ms();
        let admission = Admission::new(
            self.limits,
            self.expected.clone(),
            provisioned(&definition),
            &map,
            now_ms,
        );
        let admission = Arc::new(admission);
        let id = table.id();
        let new = Arc::new(ServedTable { table, definition, admission });
        self.served.rcu(|served| {
            let mut served = HashMap::clone(served);
            served.retain(|_, other| self.is_there(other));
            served.entry(id).or_insert_with(|| Arc::clone(&new));
            served
        });
        Ok(self.served.load().get(&id).map_or(new, Arc::clone))
    }
}

/// The definition that storage keeps with a table.
fn definition_of(table: &Table) -> Result<TableDefinition, ApiError> {
    TableDefinition::from_stored(&table.definition()).map_err(|error| {
        tracing::error!(table = table.name(), %error, "a stored table definition is unreadable");
        ApiError::internal("the table's stored definition cannot be read")
    })
}

/// The rates that a table is provisioned with; none on demand.
fn provisioned(definition: &TableDefinition) -> Option<Units> {
    match definition.billing {
        Billing::PayPerRequest => None,
        Billing::Provisioned { read_units, write_units } => {
            Some(Units { read: read_units as f64, write: write_units as f64 })
        }
    }
}
