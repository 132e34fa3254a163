//! What the loop, the actions and the admin API share, and how it is restored at start.

use crate::anomalies::AnomalyLog;
use crate::considered::ConsideredLog;
use crate::control::Control;
use crate::counts::ActionCounts;
use crate::error::ManagerError;
use crate::event::Event;
use crate::hot_keys::HotKeySource;
use crate::housekeeping::Housekeeping;
use crate::journal::{Entry, Journal, State};
use crate::maps::PastAction;
use crate::persist;
use crate::rekey::Rekeys;
use crate::reported::ReportedLog;
use crate::settings::ManagerSettings;
use crate::tables::{Snapshots, TableState, strategy_of};
use crate::training;
use crate::tuning::{self, Tuners};
use crate::workflow::{Claims, Happening, Step, is_finished};
use arc_swap::{ArcSwap, ArcSwapOption};
use forecast::Network;
use parking_lot::{Mutex, RwLock};
use planner::controller::{Controller, ControllerSettings};
use planner::gradual::Ledger;
use planner::policy::Policy;
use planner::settings::ScoreSettings;
use planner::tuning::Tuner;
use planner::view::{Limits, NodeView};
use std::collections::{HashMap, hash_map};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use storage::{Storage, Table};
use tokio::sync::{Notify, broadcast};
use types::{Clock, KeyRange, PartitionId, TableId, Units};
use workload::{ClientNames, Collector, CollectorSettings, Recorder};

/// Makes the policy of a table; called once per table.
pub type PolicyFactory = Arc<dyn Fn() -> Box<dyn Policy> + Send + Sync>;
/// Tells the burst credit left in a partition, in unit-seconds.
pub type CreditSource = Arc<dyn Fn(TableId, PartitionId) -> Option<Units> + Send + Sync>;

/// What partitions and their node are seen to sustain.
#[derive(Clone)]
pub struct MeasuredSource {
    /// What a partition sustains, in units per second, as far as plans are made on it.
    pub capacity: Arc<dyn Fn(TableId, PartitionId) -> Option<Units> + Send + Sync>,
    /// The node.
    pub node: Arc<dyn Fn() -> Option<NodeView> + Send + Sync>,
}

impl fmt::Debug for MeasuredSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredSource").finish_non_exhaustive()
    }
}

/// What a manager works with.
#[derive(Clone)]
pub struct Components {
    /// Where tables are and reslices happen.
    pub storage: Arc<Storage>,
    /// What the server records into.
    pub recorder: Arc<Recorder>,
    /// Names of clients, for documents.
    pub clients: Arc<ClientNames>,
    /// The service's clock.
    pub clock: Arc<dyn Clock>,
    /// What one partition can serve.
    pub capacity: Units,
    /// How requests are limited.
    pub limits: Limits,
    /// Cells, windows and sketches.
    pub collector: CollectorSettings,
    /// How tables are watched.
    pub controller: ControllerSettings,
    /// Who decides.
    pub policy: PolicyFactory,
    /// How long after a decision its verdict is final: until the next chance to merge.
    pub verdict_after_ms: i64,
}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Components")
            .field("capacity", &self.capacity)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The manager's state. Locks are taken in the order of the fields and never across an await.
pub(crate) struct Shared {
    pub(crate) settings: ManagerSettings,
    pub(crate) components: Components,
    /// The score as the operator has it now; `components` has it as it was at the start.
    pub(crate) score: ArcSwap<ScoreSettings>,
    pub(crate) credit: RwLock<Option<CreditSource>>,
    pub(crate) hot_keys: RwLock<Option<HotKeySource>>,
    pub(crate) measured: RwLock<Option<MeasuredSource>>,
    pub(crate) tables: Mutex<HashMap<TableId, TableState>>,
    pub(crate) collector: Mutex<Collector>,
    pub(crate) journal: Mutex<Journal>,
    pub(crate) anomalies: Mutex<AnomalyLog>,
    pub(crate) reported: Mutex<ReportedLog>,
    pub(crate) considered: Mutex<ConsideredLog>,
    pub(crate) control: Control,
    pub(crate) counts: ActionCounts,
    pub(crate) snapshots: ArcSwap<Snapshots>,
    /// What was stored of tables that have not been seen yet.
    pub(crate) tuning_stored: Mutex<HashMap<String, Tuner>>,
    pub(crate) tuners: Mutex<Tuners>,
    /// The recurrent network that all series share, once there is one.
    pub(crate) network: ArcSwapOption<Network>,
    pub(crate) events: broadcast::Sender<Event>,
    /// Changes of strategies, under way and ended.
    pub(crate) rekeys: Mutex<Rekeys>,
    /// Who works on which keys.
    pub(crate) claims: Arc<Claims>,
    /// What storage wants to tidy up.
    pub(crate) housekeeping: Mutex<Housekeeping>,
    /// How much may change at once.
    pub(crate) ledger: Mutex<Ledger>,
    /// Told whenever the tables have been looked at.
    pub(crate) looked: Notify,
    started: Instant,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Shared {
    /// Reads back what an earlier process left.
    pub(crate) async fn restore(
        settings: ManagerSettings,
        components: Components,
    ) -> Result<Self, ManagerError> {
        let blobs = components.storage.blobs();
        let mut journal = Journal::restore(blobs, settings.decisions_max).await?;
        let rekeys = Rekeys::restore(blobs).await?;
        journal.go_beyond(rekeys.last_id());
        let collector = Collector::new(&components.collector);
        let (events, _) = broadcast::channel(settings.events_max.max(1));
        let shared = Self {
            score: ArcSwap::from_pointee(components.controller.score.clone()),
            credit: RwLock::new(None),
            hot_keys: RwLock::new(None),
            measured: RwLock::new(None),
            tables: Mutex::new(HashMap::new()),
            collector: Mutex::new(collector),
            journal: Mutex::new(journal),
            anomalies: Mutex::new(AnomalyLog::new(settings.anomalies_max)),
            reported: Mutex::new(ReportedLog::new(settings.anomalies_max)),
            tuning_stored: Mutex::new(tuning::restore(blobs).await?),
            tuners: Mutex::default(),
            considered: Mutex::new(ConsideredLog::new(settings.decisions_max)),
            control: Control::default(),
            counts: ActionCounts::default(),
            snapshots: ArcSwap::default(),
            network: ArcSwapOption::from(training::restore(blobs).await?),
            events,
            rekeys: Mutex::new(rekeys),
            claims: Arc::default(),
            housekeeping: Mutex::default(),
            ledger: Mutex::new(Ledger::new(&settings.gradual, 0)),
            looked: Notify::new(),
            started: Instant::now(),
            settings,
            components,
        };
        shared.follow_catalog().await;
        shared.settle_interrupted();
        let known: Vec<(TableId, u64)> =
            shared.tables.lock().iter().map(|(id, state)| (*id, state.order)).collect();
        for (table, order) in known {
            let blobs = shared.components.storage.blobs();
            persist::restore(blobs, &shared.collector, table, order).await?;
            shared.resume_controller(table);
        }
        let now_ms = shared.components.clock.now_ms();
        shared.collector.lock().resume(now_ms);
        Ok(shared)
    }

    /// What became of workflows that an earlier process had begun: storage has finished or undone them,
    /// and the maps say which.
    fn settle_interrupted(&self) {
        let tables = self.tables.lock();
        let mut journal = self.journal.lock();
        let checking = |entry: &&Entry| entry.workflow.step == Step::Checking;
        let open: Vec<Entry> = journal.entries().filter(checking).cloned().collect();
        for mut entry in open {
            let state = tables.get(&entry.decision.table);
            let found = state.is_some_and(|state| {
                state.order == entry.order && is_finished(&state.table, &entry)
            });
            let at_ms =
                entry.workflow.trail.last().map_or(entry.decision.at_ms, |passed| passed.at_ms);
            let happening = if found { Happening::Found } else { Happening::NotFound };
            entry.workflow.advance(happening, at_ms);
            if found {
                entry.state = State::Done;
                entry.finished_ms = Some(at_ms);
            }
            journal.insert(entry);
        }
    }

    /// Lets a table's controller know of plans and merges before the restart.
    fn resume_controller(&self, table: TableId) {
        let mut tables = self.tables.lock();
        let Some(state) = tables.get_mut(&table) else { return };
        let journal = self.journal.lock();
        let mine: Vec<&Entry> =
            journal.entries().filter(|entry| entry.decision.table == table).collect();
        let last_plan_ms = mine.iter().map(|entry| entry.decision.at_ms).max();
        // What was decided in another key order is about keys that are no more.
        let in_order = |entry: &&&Entry| entry.order == state.order;
        let merged: Vec<(KeyRange, i64)> = mine
            .iter()
            .filter(in_order)
            .filter(|entry| entry.decision.is_merge() && entry.state == State::Done)
            .map(|entry| (entry.decision.action.range.clone(), entry.decision.at_ms))
            .collect();
        let done = |entry: &&&Entry| entry.state == State::Done;
        let past: Vec<PastAction> =
            mine.iter().filter(in_order).filter(done).map(|entry| past_action(entry)).collect();
        state.maps.recall(state.table.created_ms(), &past);
        state.controller.resume(last_plan_ms, merged);
    }

    /// Takes in new tables, lets go of dropped ones, and tells the collector of new maps.
    pub(crate) async fn follow_catalog(&self) {
        let found = self.components.storage.tables();
        let now_ms = self.components.clock.now_ms();
        let past = self.take_in(&found, now_ms);
        for table in past {
            if let Err(error) = persist::forget(self.components.storage.blobs(), table).await {
                tracing::warn!(%table, %error, "history that is about nothing any more stays on disk");
            }
            // A table whose key order has changed keeps its thresholds.
            let kept = self.with_tuner(table, |_| ()).is_some();
            if !kept
                && let Err(error) = tuning::forget(self.components.storage.blobs(), table).await
            {
                tracing::warn!(%table, %error, "the tuning of a dropped table stays on disk");
            }
        }
    }

    /// Answers whose history is of no use any more: of tables that were dropped, and of those whose key
    /// order has changed.
    fn take_in(&self, found: &[Arc<Table>], now_ms: i64) -> Vec<TableId> {
        let mut past = Vec::new();
        let mut tables = self.tables.lock();
        let mut collector = self.collector.lock();
        for table in found {
            let state = match tables.entry(table.id()) {
                hash_map::Entry::Occupied(known) => known.into_mut(),
                hash_map::Entry::Vacant(place) => match self.watch(table) {
                    Ok(state) => place.insert(state),
                    Err(error) => {
                        tracing::error!(table = table.name(), %error, "table is not watched");
                        continue;
                    }
                },
            };
            if state.order != table.order() {
                // What was counted, forecast and planned is about keys that are no more.
                match self.watch(table) {
                    Ok(anew) => *state = anew,
                    Err(error) => {
                        tracing::error!(table = table.name(), %error, "table is not watched");
                        continue;
                    }
                }
                collector.drop_table(table.id());
                past.push(table.id());
            }
            state.follow(&mut collector, now_ms);
        }
        let dropped: Vec<TableId> =
            tables.keys().filter(|id| !found.iter().any(|t| t.id() == **id)).copied().collect();
        for table in &dropped {
            tables.remove(table);
            collector.drop_table(*table);
        }
        self.forget_tuners(&dropped);
        past.extend(dropped);
        past
    }

    fn watch(&self, table: &Arc<Table>) -> Result<TableState, planner::PlannerError> {
        let (policy, settings) = self.tuned(table.id());
        let limits = self.components.limits;
        let controller = Controller::new(table.id(), table.name(), limits, settings, policy)?;
        Ok(TableState::new(table.clone(), strategy_of(table), controller, &self.settings))
    }

    /// Counts a table from nothing, with a new controller, and lets `import` fill in its past.
    pub(crate) fn import<R>(
        &self,
        table: &Arc<Table>,
        import: impl FnOnce(&mut Collector) -> R,
    ) -> Result<R, ManagerError> {
        let now_ms = self.components.clock.now_ms();
        let mut tables = self.tables.lock();
        let mut collector = self.collector.lock();
        collector.drop_table(table.id());
        let mut state = self.watch(table)?;
        state.follow(&mut collector, now_ms);
        tables.insert(table.id(), state);
        Ok(import(&mut collector))
    }

    /// Waits until no action is being carried out.
    pub(crate) async fn actions_ended(&self) {
        loop {
            let ended = self.claims.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if !self.claims.any() {
                return;
            }
            ended.await;
        }
    }

    /// Whether no plan may begin on a table: somebody works on it, or its key order changes.
    pub(crate) fn is_busy(&self, table: &Table) -> bool {
        self.claims.is_busy(table.id()) || table.rekey_progress().is_some()
    }

    /// Real milliseconds since the start: what disks and operators go by.
    pub(crate) fn real_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The table of this name.
    pub(crate) fn table(&self, name: &str) -> Result<Arc<Table>, ManagerError> {
        self.components
            .storage
            .table(name)
            .ok_or_else(|| ManagerError::NoSuchTable(name.to_owned()))
    }

    /// Tells those who watch; that nobody does is no error.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }
}

/// What a map history has to know of an action.
fn past_action(entry: &Entry) -> PastAction {
    let decision = &entry.decision;
    let starts = decision.inputs.iter().map(|input| input.range.start.clone());
    PastAction {
        done_ms: entry.finished_ms.unwrap_or(decision.at_ms),
        boundaries: decision.action.boundaries.clone(),
        sources: starts.filter(|start| *start != decision.action.range.start).collect(),
    }
}
