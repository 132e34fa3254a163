//! The tables that a server serves: their definition, their storage, and their admission control.
//!
//! A view of what storage has, made once per table and looked up for every request without a lock.
//! Storage decides what exists: a table that appears there is served, one that is gone is not.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use dynamodb::{ApiError, Billing, TableDefinition};
use parking_lot::Mutex;
use storage::{Defined, InOrder, Storage, Table};
use types::{Clock, PartitionId, TableId, Units};

use crate::admission::measured::Measured;
use crate::admission::{Admission, ExpectedLoad, Gate, HotKey};
use crate::item_count::ItemCount;
use crate::page_tokens::PageTokens;
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
    /// Where pages have ended; the same, too.
    pub(crate) tokens: Arc<PageTokens>,
    /// How many items it has; the same, too.
    pub(crate) item_count: Arc<ItemCount>,
    /// The table as it was before its key order changed, for scans that go on in that order.
    pub(crate) previous: Option<Arc<ServedTable>>,
    /// What storage says of the definition and of the key order that it belongs to.
    defined: Arc<Defined>,
}

impl ServedTable {
    fn again(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
            definition: self.definition.clone(),
            admission: Arc::clone(&self.admission),
            tokens: Arc::clone(&self.tokens),
            item_count: Arc::clone(&self.item_count),
            previous: self.previous.clone(),
            defined: Arc::clone(&self.defined),
        }
    }

    /// The items under keys that are made by this definition.
    pub(crate) fn items(&self) -> InOrder {
        self.table.in_order(self.order())
    }

    /// Which key order the definition belongs to.
    pub(crate) fn order(&self) -> u64 {
        self.defined.order
    }

    /// The table in the key order with this number, if scans in it are served.
    pub(crate) fn in_order(self: &Arc<Self>, order: u64) -> Option<Arc<Self>> {
        if order == self.order() {
            return Some(Arc::clone(self));
        }
        let previous = self.previous.as_ref().filter(|previous| previous.order() == order)?;
        self.table.serves_previous(order).then(|| Arc::clone(previous))
    }
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
    page_tokens_max: usize,
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
        page_tokens_max: usize,
        expected: Option<ExpectedLoad>,
    ) -> Self {
        Self {
            storage,
            clock,
            limits,
            page_tokens_max,
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
        let served = self.served.load().get(&table.id()).map(Arc::clone);
        match served {
            Some(served) if table.is_defined_by(&served.defined) => Ok(Some(served)),
            Some(served) => self.redefine(&served).map(Some),
            None => self.serve(table).map(Some),
        }
    }

    /// The same table as it is served now, by another definition perhaps.
    pub(crate) fn again(&self, served: &ServedTable) -> Result<Arc<ServedTable>, ApiError> {
        let again = self.for_items(served.table.name())?;
        match again.table.id() == served.table.id() {
            true => Ok(again),
            false => Err(ApiError::table_not_found()),
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
        let known = self.served.load().get(&old.table.id()).map(Arc::clone);
        if let Some(known) =
            known.as_ref().filter(|known| known.table.is_defined_by(&known.defined))
        {
            return Ok(Arc::clone(known));
        }
        let table = Arc::clone(&old.table);
        let defined = table.defined();
        let definition = definition_of(&table, &defined)?;
        if definition.billing != old.definition.billing {
            old.admission.provisioned.change(provisioned(&definition), self.clock.now_ms());
        }
        let previous = known.and_then(|known| match known.order() == defined.order {
            true => known.previous.clone(),
            false => Some(Arc::new(ServedTable { previous: None, ..known.again() })),
        });
        let new = Arc::new(ServedTable { definition, previous, defined, ..old.again() });
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
        let defined = table.defined();
        let definition = definition_of(&table, &defined)?;
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
        let tokens = Arc::new(PageTokens::new(self.page_tokens_max, table.rekey_grace_ms()));
        let (item_count, previous) = (Arc::default(), None);
        let new = Arc::new(ServedTable {
            table,
            definition,
            admission,
            tokens,
            item_count,
            previous,
            defined,
        });
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
fn definition_of(table: &Table, defined: &Defined) -> Result<TableDefinition, ApiError> {
    TableDefinition::from_stored(&defined.definition).map_err(|error| {
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
