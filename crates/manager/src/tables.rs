//! What the manager knows about each table, and how it follows the catalog.
//!
//! Tables come and go and partition maps change under the loop's feet; [`TableState::follow`] is
//! called before every tick and tells the collector. Nothing here decides or acts.

use crate::anomalies::TableWatch;
use crate::foretold::ForetoldLog;
use crate::maps::MapHistory;
use crate::settings::ManagerSettings;
use crate::strategy::StrategyWatch;
use planner::controller::{Controller, PartitionFacts, TableFacts};
use planner::policy::Policy;
use planner::score::Score;
use planner::view::{NodeView, TableView};
use std::collections::HashMap;
use std::sync::Arc;
use storage::Table;
use types::{KeyRange, PartitionId, Strategy, TableId, Units};
use workload::Collector;

/// One table as the loop sees it.
pub(crate) struct TableState {
    pub(crate) table: Arc<Table>,
    pub(crate) strategy: Strategy,
    pub(crate) controller: Controller<Box<dyn Policy>>,
    pub(crate) watch: TableWatch,
    pub(crate) maps: MapHistory,
    pub(crate) strategy_watch: StrategyWatch,
    pub(crate) foretold: ForetoldLog,
    pub(crate) sizes: HashMap<PartitionId, u64>,
    epoch: Option<u64>,
    /// Which key order what is known here is about.
    pub(crate) order: u64,
}

/// The last tick's results, for those who only look.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) view: TableView,
    pub(crate) scores: Vec<Score>,
}

/// The snapshots of all tables.
pub(crate) type Snapshots = HashMap<TableId, Arc<Snapshot>>;

impl TableState {
    /// A table that has just been found in the catalog.
    pub(crate) fn new(
        table: Arc<Table>,
        strategy: Strategy,
        controller: Controller<Box<dyn Policy>>,
        settings: &ManagerSettings,
    ) -> Self {
        Self {
            order: table.order(),
            table,
            strategy,
            controller,
            watch: TableWatch::new(&settings.anomaly, &settings.peers),
            maps: MapHistory::new(settings.maps_max),
            strategy_watch: StrategyWatch::default(),
            foretold: ForetoldLog::default(),
            sizes: HashMap::new(),
            epoch: None,
        }
    }

    /// Tells the collector of a new partition map, if there is one.
    pub(crate) fn follow(&mut self, collector: &mut Collector, now_ms: i64) {
        let map = self.table.partition_map();
        if self.epoch == Some(map.epoch) {
            return;
        }
        let partitions: Vec<(PartitionId, KeyRange)> =
            map.partitions.iter().map(|p| (p.id, p.range.clone())).collect();
        collector.set_partitions(self.table.id(), self.strategy, &partitions);
        self.maps.push(now_ms, &map);
        self.sizes.retain(|id, _| partitions.iter().any(|(known, _)| known == id));
        self.epoch = Some(map.epoch);
    }

    /// What the controller has to be told about the partitions.
    pub(crate) fn facts(
        &self,
        capacity: impl Fn(PartitionId) -> Units,
        credit: impl Fn(PartitionId) -> Option<Units>,
    ) -> Vec<PartitionFacts> {
        let map = self.table.partition_map();
        map.partitions
            .iter()
            .map(|partition| PartitionFacts {
                id: partition.id,
                range: partition.range.clone(),
                capacity: capacity(partition.id),
                credit: credit(partition.id),
                size_bytes: self.sizes.get(&partition.id).copied().unwrap_or(0),
                created_ms: partition.created_ms,
            })
            .collect()
    }

    /// What the controller has to be told about the table.
    pub(crate) fn describe(&self, node: Option<NodeView>) -> TableFacts {
        TableFacts { strategy: self.strategy, warm: warm_of(&self.table), node }
    }

    /// Says that from now on boundaries may fall where another strategy lets them; the keys stay.
    pub(crate) fn set_strategy(&mut self, strategy: Strategy) {
        self.strategy = strategy;
        self.epoch = None;
    }
}

/// The table's strategy as its definition says; hash if it does not.
pub(crate) fn strategy_of(table: &Table) -> Strategy {
    let definition = table.definition();
    let strategy = definition.get("strategy").cloned();
    strategy.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

/// The throughput that the table's definition says it is to be ready for; nothing if it does not.
fn warm_of(table: &Table) -> Units {
    let definition = table.definition();
    let units = |kind| definition.pointer(kind).and_then(serde_json::Value::as_f64).unwrap_or(0.0);
    Units {
        read: units("/warm_throughput/read_units"),
        write: units("/warm_throughput/write_units"),
    }
}
