//! What the admin API shows: plain documents made of snapshots, the collector and the journal.
//!
//! Keys appear in hexadecimal, times in milliseconds since the epoch on the service's clock, loads
//! and capacities in read and write units per second. docs/admin-api.md describes the fields.

use crate::Manager;
use crate::anomalies::AnomalyDocument;
use crate::error::ManagerError;
use crate::heatmap::{Axis, hex};
use crate::hot_keys::{self, HotKeyDocument};
use crate::overview::DryRun;
use crate::rekey::auto;
use crate::reported::{self, ReportDocument, ReportedAnomaly};
use crate::strategy::{self, ChangeDocument};
use crate::tables::{Snapshot, strategy_of};
use forecast::Outlook;
use planner::hot::{HotRange, hot_ranges};
use planner::plan::{Action, Alternative};
use planner::strategy::Choice;
use planner::view::PartitionView;
use serde::Serialize;
use std::sync::Arc;
use storage::Table;
use types::{KeyRange, Strategy, Units};
use workload::{VectorView, ViewSize, Window, WindowView};

/// How fine the windows' documents are: enough for a chart, little enough for a browser.
const WINDOW_SIZE: ViewSize = ViewSize { bins_max: 360, cells_max: 256 };

/// `GET tables`.
#[derive(Debug, Serialize)]
pub struct TablesDocument {
    /// By name.
    pub tables: Vec<TableDocument>,
}

/// `GET anomalies`.
#[derive(Debug, Serialize)]
pub struct AnomaliesDocument {
    /// The newest first.
    pub anomalies: Vec<AnomalyDocument>,
    /// What other systems have reported, the newest first.
    pub reported: Vec<ReportedAnomaly>,
    /// Keys that alone ask for much of what their partition has, the hottest first.
    pub hot_keys: Vec<HotKeyDocument>,
}

/// One table.
#[derive(Debug, Serialize)]
pub struct TableDocument {
    /// Its name.
    pub name: String,
    /// Its incarnation.
    pub id: String,
    /// How its keys are ordered and divided.
    pub strategy: Strategy,
    /// How many partitions it has.
    pub partitions: usize,
    /// The partition map's epoch.
    pub epoch: u64,
    /// When it was made.
    pub created_ms: i64,
}

/// `GET tables/{t}/partitions`.
#[derive(Debug, Serialize)]
pub struct PartitionsDocument {
    /// The table's name.
    pub table: String,
    /// The partition map's epoch.
    pub epoch: u64,
    /// In key order.
    pub partitions: Vec<PartitionDocument>,
}

/// One partition with its metadata.
#[derive(Debug, Serialize)]
pub struct PartitionDocument {
    /// Its id.
    pub id: u64,
    /// Its first key; empty for the beginning of the axis.
    pub start: String,
    /// The first key behind it; empty for the end of the axis.
    pub end: String,
    /// The table's strategy.
    pub strategy: Strategy,
    /// What it can serve.
    pub capacity_read_units: f64,
    /// What it can serve.
    pub capacity_write_units: f64,
    /// Demand of the last seconds.
    pub load_read_units: Option<f64>,
    /// Demand of the last seconds.
    pub load_write_units: Option<f64>,
    /// The re-partitioning score; acted on from the threshold.
    pub score: Option<f64>,
    /// The threshold.
    pub score_threshold: f64,
    /// Why the score is what it is, term by term.
    pub score_reasons: Vec<String>,
    /// The probability that the coming hour exceeds capacity.
    pub degradation_probability: Option<f64>,
    /// What is forecast, in one line.
    pub forecast_summary: String,
    /// Stored bytes.
    pub size_bytes: Option<u64>,
    /// When it was made.
    pub created_ms: i64,
    /// The node that serves it.
    pub owner: &'static str,
    /// The partition map's epoch.
    pub epoch: u64,
    /// `serving`, or `changing` while an action on the table is under way.
    pub state: &'static str,
}

/// `GET tables/{t}/forecast`.
#[derive(Debug, Serialize)]
pub struct ForecastDocument {
    /// The table's name.
    pub table: String,
    /// When the forecasts were looked at.
    pub now_ms: i64,
    /// Per partition: the load now, and the outlook for reads and writes (quantiles per step, the
    /// model with its recent error, or why it abstains), and the cells' share of it.
    pub partitions: Vec<PartitionView>,
    /// Which keys will be hot within the horizon, from when until when, and how much; the highest first.
    pub hot_ranges: Vec<HotRange>,
}

/// `GET tables/{t}/plan`: what would be done if it were time to decide.
#[derive(Debug, Serialize)]
pub struct PlanDocument {
    /// The table's name.
    pub table: String,
    /// When the planner decides next.
    pub due_ms: i64,
    /// What holds it up besides: a pause, a cooldown, an action under way.
    pub held: Option<String>,
    /// Most urgent first; empty to leave the table as it is.
    pub actions: Vec<Action>,
    /// What was considered and not chosen.
    pub alternatives: Vec<Alternative>,
    /// Why this and nothing else.
    pub reason: String,
    /// What the table's requests would cost under each key order, and whether a change would pay.
    pub strategy: Option<Choice>,
    /// What becomes of such a change.
    pub change: Option<ChangeDocument>,
}

/// `GET tables/{t}/vectors`.
#[derive(Debug, Serialize)]
pub struct VectorsDocument {
    /// The table's name.
    pub table: String,
    /// Which window they are from.
    pub window: Window,
    /// A sample of the workload vectors of the window.
    pub vectors: Vec<VectorView>,
}

impl Manager {
    /// All tables.
    pub fn tables_document(&self) -> TablesDocument {
        let one = |table: &Arc<Table>| {
            let map = table.partition_map();
            TableDocument {
                name: table.name().to_owned(),
                id: table.id().to_string(),
                strategy: strategy_of(table),
                partitions: map.partitions.len(),
                epoch: map.epoch,
                created_ms: table.created_ms(),
            }
        };
        TablesDocument { tables: self.shared.components.storage.tables().iter().map(one).collect() }
    }

    /// A table's partitions with their metadata.
    ///
    /// # Errors
    /// If there is no such table.
    pub fn partitions_document(&self, name: &str) -> Result<PartitionsDocument, ManagerError> {
        let table = self.shared.table(name)?;
        let snapshot = self.snapshot(&table);
        let busy = self.shared.is_busy(&table);
        let map = table.partition_map();
        let partitions = map.partitions.iter().map(|partition| {
            let view = snapshot
                .as_ref()
                .and_then(|s| s.view.partitions.iter().find(|p| p.id == partition.id));
            let score = snapshot
                .as_ref()
                .and_then(|s| s.scores.iter().find(|s| s.partition == partition.id));
            let capacity = self.shared.components.capacity;
            PartitionDocument {
                id: partition.id.0,
                start: hex(&partition.range.start),
                end: partition.range.end.as_ref().map(|end| hex(end)).unwrap_or_default(),
                strategy: strategy_of(&table),
                capacity_read_units: capacity.read,
                capacity_write_units: capacity.write,
                load_read_units: view.map(|view| view.load_now.read),
                load_write_units: view.map(|view| view.load_now.write),
                score: score.map(|score| score.total),
                score_threshold: self.shared.score.load().threshold,
                score_reasons: score
                    .map(|s| [&s.rate, &s.skew, &s.size].map(|term| term.because.clone()).to_vec())
                    .unwrap_or_default(),
                degradation_probability: score.map(|score| score.degradation_probability),
                forecast_summary: view.map(forecast_summary).unwrap_or("not looked at yet".into()),
                size_bytes: view.map(|view| view.size_bytes),
                created_ms: partition.created_ms,
                owner: "local",
                epoch: map.epoch,
                state: if busy { "changing" } else { "serving" },
            }
        });
        Ok(PartitionsDocument {
            table: name.to_owned(),
            epoch: map.epoch,
            partitions: partitions.collect(),
        })
    }

    /// One of the rolling windows.
    ///
    /// # Errors
    /// If there is no such table, or the manager has not seen it yet.
    pub fn window_document(
        &self,
        name: &str,
        window: Window,
        cells_max: Option<usize>,
    ) -> Result<WindowView, ManagerError> {
        let table = self.shared.table(name)?;
        let cells_max = cells_max.unwrap_or(WINDOW_SIZE.cells_max).clamp(1, WINDOW_SIZE.cells_max);
        let size = ViewSize { cells_max, ..WINDOW_SIZE };
        let collector = self.shared.collector.lock();
        collector
            .window_view(table.id(), window, size)
            .ok_or_else(|| ManagerError::NoSuchTable(name.to_owned()))
    }

    /// A sample of the workload vectors.
    ///
    /// # Errors
    /// If there is no such table.
    pub fn vectors_document(
        &self,
        name: &str,
        window: Window,
    ) -> Result<VectorsDocument, ManagerError> {
        let table = self.shared.table(name)?;
        let collector = self.shared.collector.lock();
        let clients = &self.shared.components.clients;
        Ok(VectorsDocument {
            table: name.to_owned(),
            window,
            vectors: collector.sampled_vectors(table.id(), window, clients),
        })
    }

    /// The forecasts as the planner sees them.
    ///
    /// # Errors
    /// If there is no such table.
    pub fn forecast_document(&self, name: &str) -> Result<ForecastDocument, ManagerError> {
        let table = self.shared.table(name)?;
        let snapshot = self.snapshot(&table);
        let ranges = self.shared.collector.lock().cells(table.id()).map(|c| c.ranges().collect());
        let ranges: Vec<KeyRange> = ranges.unwrap_or_default();
        let axis = Axis { strategy: strategy_of(&table), ranges: &ranges };
        let hot = snapshot.as_ref().map(|s| hot_ranges(&s.view, |key| axis.position(key)));
        Ok(ForecastDocument {
            table: name.to_owned(),
            hot_ranges: hot.unwrap_or_default(),
            now_ms: snapshot.as_ref().map_or(0, |s| s.view.now_ms),
            partitions: snapshot.map(|s| s.view.partitions.clone()).unwrap_or_default(),
        })
    }

    /// A dry run: what would be done if it were time to decide. Changes nothing.
    ///
    /// # Errors
    /// If there is no such table.
    pub fn plan_document(&self, name: &str) -> Result<PlanDocument, ManagerError> {
        let DryRun { plan, held, due_ms } = self.dry_run(name)?;
        let table = self.shared.table(name)?;
        let snapshot = self.snapshot(&table);
        let strategy = snapshot.map(|snapshot| {
            let shared = &self.shared;
            let (clients, settings) = (&shared.components.clients, &shared.settings.strategy);
            let copies = auto::copies(shared);
            strategy::compare(&snapshot.view, &shared.collector.lock(), clients, copies, settings)
        });
        let change = self
            .shared
            .tables
            .lock()
            .get(&table.id())
            .map(|state| state.strategy_watch.document(&self.shared.settings.strategy));
        Ok(PlanDocument {
            table: name.to_owned(),
            due_ms,
            held,
            actions: plan.actions,
            alternatives: plan.alternatives,
            reason: plan.reason,
            strategy,
            change,
        })
    }

    /// What was odd, about one table or all, the newest first.
    pub fn anomalies_document(&self, table: Option<&str>) -> AnomaliesDocument {
        let log = self.shared.anomalies.lock();
        let wanted = |entry: &&AnomalyDocument| table.is_none_or(|name| entry.table == name);
        let anomalies = log.entries().rev().filter(wanted).cloned().collect();
        drop(log);
        let log = self.shared.reported.lock();
        let wanted = |entry: &&ReportedAnomaly| {
            table
                .is_none_or(|name| entry.table.as_deref().is_none_or(|concerned| concerned == name))
        };
        AnomaliesDocument {
            anomalies,
            reported: log.entries().rev().filter(wanted).cloned().collect(),
            hot_keys: hot_keys::documents(&self.shared, table),
        }
    }

    /// How many anomalies have begun since the start: about what (`table`, `partition`, `cell` or
    /// `client`), which way (`flash_crowd` or `drop`), how many.
    pub fn anomaly_counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.shared.anomalies.lock().counts()
    }

    /// Takes what another system reports, in one of Alertmanager's two formats.
    pub fn report_anomalies(&self, body: &[u8]) -> Result<ReportDocument, ManagerError> {
        let anomalies = reported::parse(body, self.shared.components.clock.now_ms())?;
        let taken = anomalies.len();
        self.shared.reported.lock().take(anomalies);
        Ok(ReportDocument { taken })
    }

    pub(crate) fn snapshot(&self, table: &Table) -> Option<Arc<Snapshot>> {
        self.shared.snapshots.load().get(&table.id()).cloned()
    }
}

/// What is forecast for a partition, in one line.
fn forecast_summary(view: &PartitionView) -> String {
    let one = |name: &str, outlook: &Outlook, capacity: f64| match outlook {
        Outlook::Forecast(forecast) => {
            let peak = forecast.steps.iter().map(|step| step.q90).fold(0.0, f64::max);
            let share = if capacity > 0.0 { peak / capacity * 100.0 } else { 0.0 };
            let digits = if peak < 1.0 { 3 } else { 1 };
            format!("{name} up to {peak:.digits$}/s ({share:.0} %), {}", forecast.model)
        }
        Outlook::Abstain(abstention) => format!("{name}: {}", abstention.reason),
    };
    let Units { read, write } = view.capacity;
    format!("{}; {}", one("reads", &view.read, read), one("writes", &view.write, write))
}
