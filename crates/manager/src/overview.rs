//! Each table in a few numbers: whether it is well, where it is hot, what is coming and what will be
//! done about it. Made from the last tick's snapshot; nothing is worked out here that was not known.

use crate::Manager;
use crate::by_hand;
use crate::error::ManagerError;
use crate::journal::State;
use crate::tables::{Snapshot, TableState, strategy_of};
use crate::workflows::{self, WorkflowDocument};
use planner::plan::{Plan, Trigger};
use planner::view::{PartitionView, TableView};
use serde::Serialize;
use std::sync::Arc;
use storage::Table;
use types::{KeyRange, PartitionId, Strategy, Units};
use workload::{Channel, Window};

/// So many seconds of the shortest window count as "now".
const NOW_BINS: usize = 5;

/// The manager's part of `GET overview`.
#[derive(Debug, Serialize)]
pub struct OverviewDocument {
    /// The service's clock.
    pub now_ms: i64,
    /// The quantile that is planned with.
    pub quantile: f64,
    /// How far forecasts reach.
    pub horizon_ms: i64,
    /// Whether an operator holds the planner up.
    pub paused: bool,
    /// By name.
    pub tables: Vec<TableOverview>,
}

/// One table.
#[derive(Debug, Serialize)]
pub struct TableOverview {
    /// Its name.
    pub name: String,
    /// How its keys are ordered and divided.
    pub strategy: Strategy,
    /// How many partitions it has.
    pub partitions: usize,
    /// The partition map's epoch.
    pub epoch: u64,
    /// Demand of the last seconds.
    pub load: Units,
    /// What its partitions can serve together.
    pub capacity: Units,
    /// Requests of the last seconds, retries not counted.
    pub requests_per_s: f64,
    /// Of them, throttled.
    pub throttled_per_s: f64,
    /// The fullest partition now.
    pub hottest: Option<Hottest>,
    /// The fullest partition of the coming hour.
    pub peak: Option<Peak>,
    /// What will be done next, as it looks now.
    pub next: Option<NextAction>,
    /// Why this and nothing else.
    pub next_reason: String,
    /// What is being carried out.
    pub running: Vec<WorkflowDocument>,
    /// Flash crowds and drops that go on.
    pub anomalies_open: usize,
}

/// The fullest partition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hottest {
    /// Which.
    pub partition: PartitionId,
    /// Its load as a share of its capacity.
    pub share: f64,
    /// `reads` or `writes`: which of them is the larger share.
    pub load: &'static str,
}

/// The fullest partition of the forecast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Peak {
    /// Which.
    pub partition: PartitionId,
    /// Its highest load as a share of its capacity, at the quantile that is planned with.
    pub share: f64,
    /// When.
    pub at_ms: i64,
    /// The probability that it exceeds capacity within the horizon.
    pub probability: f64,
}

/// What will be done next.
#[derive(Debug, PartialEq, Serialize)]
pub struct NextAction {
    /// `split`, `merge`, `shift` or `reslice`.
    pub action: &'static str,
    /// What made the policy want it.
    pub trigger: Trigger,
    /// Why, in one line.
    pub reason: String,
    /// When the planner decides next.
    pub when_ms: i64,
    /// What holds it up besides: a pause, a cooldown, an action under way.
    pub held: Option<String>,
    /// When the load is expected to exceed what there is.
    pub crossing_ms: Option<i64>,
}

impl Manager {
    /// All tables in a few numbers each.
    pub fn overview_document(&self) -> OverviewDocument {
        let components = &self.shared.components;
        let forecast = &components.controller.forecast;
        let mut tables = components.storage.tables();
        tables.sort_by(|a, b| a.name().cmp(b.name()));
        OverviewDocument {
            now_ms: components.clock.now_ms(),
            quantile: self.shared.score.load().quantile.level(),
            horizon_ms: workload::HISTORY_BIN_MS * forecast.horizon_steps as i64,
            paused: self.is_paused(),
            tables: tables.iter().map(|table| self.table_overview(table)).collect(),
        }
    }

    fn table_overview(&self, table: &Arc<Table>) -> TableOverview {
        let map = table.partition_map();
        let snapshot = self.snapshot(table);
        let view = snapshot.as_ref().map(|snapshot| &snapshot.view);
        let partitions = map.partitions.len();
        let capacity = self.shared.components.capacity;
        let (next, next_reason) = self.next_action(table);
        let rate = |channel| self.rate(table, channel);
        TableOverview {
            name: table.name().to_owned(),
            strategy: strategy_of(table),
            partitions,
            epoch: map.epoch,
            load: view.map_or(Units::ZERO, |v| v.partitions.iter().map(|p| p.load_now).sum()),
            capacity: Units {
                read: capacity.read * partitions as f64,
                write: capacity.write * partitions as f64,
            },
            requests_per_s: rate(Channel::Requests),
            throttled_per_s: rate(Channel::Throttles),
            hottest: view.and_then(hottest),
            peak: snapshot.as_deref().and_then(|snapshot| self.peak(snapshot)),
            next,
            next_reason,
            running: self.running_of(table),
            anomalies_open: self.shared.anomalies.lock().open(table.name()),
        }
    }

    fn rate(&self, table: &Table, channel: Channel) -> f64 {
        let collector = self.shared.collector.lock();
        let seconds = collector.timeline(table.id(), Window::FiveMinutes);
        seconds.and_then(|s| s.recent_rate(&KeyRange::full(), channel, NOW_BINS)).unwrap_or(0.0)
    }

    fn peak(&self, snapshot: &Snapshot) -> Option<Peak> {
        let quantile = self.shared.score.load().quantile;
        let of = |partition: &PartitionView| {
            let step = |step| (step, full(partition.forecast_at(step, quantile), partition).0);
            let steps = (0..partition.steps()).map(step);
            let (step, share) = steps.max_by(|a, b| a.1.total_cmp(&b.1))?;
            let score = snapshot.scores.iter().find(|score| score.partition == partition.id);
            Some(Peak {
                partition: partition.id,
                share,
                at_ms: partition.step_start_ms(step)?,
                probability: score.map_or(0.0, |score| score.degradation_probability),
            })
        };
        let peaks = snapshot.view.partitions.iter().filter_map(of);
        peaks.max_by(|a, b| a.share.total_cmp(&b.share))
    }

    /// A dry run, and when it will be time for it.
    fn next_action(&self, table: &Table) -> (Option<NextAction>, String) {
        let mut tables = self.shared.tables.lock();
        let Some(state) = tables.get_mut(&table.id()) else {
            return (None, "the manager has not seen the table yet".to_owned());
        };
        let DryRun { plan, held, due_ms } = self.coming_plan(state);
        let next = plan.actions.first().map(|action| NextAction {
            action: by_hand::name(action),
            trigger: action.trigger,
            reason: action.reason.clone(),
            when_ms: due_ms,
            held,
            crossing_ms: action.crossing_ms,
        });
        (next, plan.reason)
    }

    fn running_of(&self, table: &Table) -> Vec<WorkflowDocument> {
        let journal = self.shared.journal.lock();
        let running = journal.entries().filter(|entry| entry.state == State::Running);
        running
            .filter(|entry| entry.decision.table == table.id())
            .map(workflows::document)
            .collect()
    }

    /// A dry run: what would be done if it were time to decide. Changes nothing.
    ///
    /// # Errors
    /// If there is no such table.
    pub(crate) fn dry_run(&self, name: &str) -> Result<DryRun, ManagerError> {
        let table = self.shared.table(name)?;
        let mut tables = self.shared.tables.lock();
        let state = tables.get_mut(&table.id());
        let state = state.ok_or_else(|| ManagerError::NoSuchTable(name.to_owned()))?;
        Ok(self.coming_plan(state))
    }

    fn coming_plan(&self, state: &mut TableState) -> DryRun {
        let (plan, held) = state.controller.dry_run();
        let paused = self.is_paused() && !plan.is_hold();
        let held = if paused { Some("the planner is paused".to_owned()) } else { held };
        DryRun { plan, held, due_ms: state.controller.next_score_ms() }
    }
}

/// What would be done if it were time to decide, when it is, and what holds it up besides.
pub(crate) struct DryRun {
    pub(crate) plan: Plan,
    pub(crate) held: Option<String>,
    pub(crate) due_ms: i64,
}

fn hottest(view: &TableView) -> Option<Hottest> {
    let of = |partition: &PartitionView| {
        let (share, load) = full(partition.load_now, partition);
        Hottest { partition: partition.id, share, load }
    };
    view.partitions.iter().map(of).max_by(|a, b| a.share.total_cmp(&b.share))
}

/// How full a load makes a partition, and with what.
fn full(load: Units, partition: &PartitionView) -> (f64, &'static str) {
    let of = |load: f64, capacity: f64| if capacity > 0.0 { load / capacity } else { 0.0 };
    let read = of(load.read, partition.capacity.read);
    let write = of(load.write, partition.capacity.write);
    if read > write { (read, "reads") } else { (write, "writes") }
}
