//! The re-partitioning manager: observe, forecast, score, plan, act.
//!
//! A loop that drains the recorder into the collector, asks `planner`'s controller of each table what
//! to do, writes the answer into the journal, and has `storage` carry it out. It decides nothing
//! itself: everything that can be replayed in the simulator lives in `planner`. In reading order:
//! [`Manager`] is the loop and its handle, `tables` follows the catalog, `workflow` carries out,
//! `rekey` changes key orders, `journal` remembers, `judge` looks back, `persist` keeps history across
//! restarts, `training` trains the recurrent network in the background, `tuning` a table's thresholds, `anomalies` notes what was odd,
//! and `documents`, `workflows`, `heatmap` and `matrix` are what the admin API shows.

mod anomalies;
mod by_hand;
mod considered;
mod control;
mod counts;
mod decisions;
mod documents;
mod error;
mod event;
mod foretold;
mod heatmap;
mod hot_keys;
mod housekeeping;
mod journal;
mod judge;
mod maps;
mod matrix;
mod observe;
mod overview;
mod partition_page;
mod persist;
mod rekey;
mod reported;
mod settings;
mod shared;
mod strategy;
mod tables;
mod training;
mod tuning;
mod workflow;
mod workflows;

pub use anomalies::{AnomalyDocument, Peer, Suspect};
pub use by_hand::{HandAction, HandBegun, HandPreview, HandResult};
pub use considered::{Considered, ConsideredDocument};
pub use control::{CancelledDocument, PausedDocument};
pub use counts::{
    Accuracy, ActionMetrics, Durations, ManagerMetrics, PARTITIONS_MAX, PartitionMetrics,
};
pub use decisions::{DecisionDocument, DecisionsDocument, DecisionsRequest};
pub use documents::{
    AnomaliesDocument, ForecastDocument, PartitionDocument, PartitionsDocument, PlanDocument,
    TableDocument, TablesDocument, VectorsDocument,
};
pub use error::ManagerError;
pub use event::Event;
pub use forecast::Quantile;
pub use foretold::Foretold;
pub use heatmap::{CellDocument, HeatmapDocument, HeatmapRequest, MapDocument, Metric};
pub use hot_keys::{HotKeyDocument, HotKeyReport, HotKeySource};
pub use journal::{Effect, Entry, State, Timing};
pub use matrix::{BoundariesDocument, MatrixDocument};
pub use overview::{Hottest, NextAction, OverviewDocument, Peak, TableOverview};
pub use partition_page::{HeavyHitter, LoadHistory, PartitionPage};
pub use rekey::{Grounds, RekeyDocument, RekeyState, RekeyWish};
pub use reported::{ReportDocument, ReportedAnomaly};
pub use settings::{ManagerSettings, TrainingSettings, WorkflowSettings};
pub use shared::{Components, CreditSource, MeasuredSource, PolicyFactory};
pub use strategy::{ChangeDocument, ProposalDocument};
pub use workflow::{
    Compensation, Happening, Passed, RULES, Rule, Step, TRANSITIONS, Timeout, Workflow,
};

pub use tuning::{CanaryDocument, TuningDocument, TuningSettings};
pub use workflows::{WishDocument, WorkflowDocument, WorkflowsDocument};

use parking_lot::Mutex;
use shared::Shared;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};
use types::{KeyRange, TableId, Units};
use workload::Collector;

/// A running manager.
#[derive(Debug)]
pub struct Manager {
    pub(crate) shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
    training: Mutex<Option<tokio::task::JoinHandle<()>>>,
    tuning: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Manager {
    /// Restores history and journal, and starts the loop.
    ///
    /// # Errors
    /// If the settings contradict each other, or what storage holds cannot be read.
    pub async fn start(
        settings: ManagerSettings,
        components: Components,
    ) -> Result<Arc<Self>, ManagerError> {
        let shared = Arc::new(Shared::restore(settings, components).await?);
        rekey::resume(&shared).await;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(observe::run(shared.clone(), stopped.clone()));
        let training = tokio::spawn(training::run(shared.clone(), stopped.clone()));
        let tuning = tokio::spawn(tuning::run(shared.clone(), stopped));
        Ok(Arc::new(Self {
            shared,
            stop,
            task: Mutex::new(Some(task)),
            training: Mutex::new(Some(training)),
            tuning: Mutex::new(Some(tuning)),
        }))
    }

    /// Ends the loop after the actions under way, and saves history; actions that wait for their turn
    /// or are paused are cancelled. Later calls do nothing.
    ///
    /// # Errors
    /// If the loop had failed or history could not be written.
    pub async fn stop(&self) -> Result<(), ManagerError> {
        self.stop.send_replace(true);
        let training = self.training.lock().take();
        if let Some(training) = training {
            training.await?;
        }
        let tuning = self.tuning.lock().take();
        if let Some(tuning) = tuning
            && let Err(error) = tuning.await
        {
            // Nothing depends on it, a clean end least of all.
            tracing::warn!(%error, "tuning had ended early");
        }
        let task = self.task.lock().take();
        if let Some(task) = task {
            task.await?;
            // One that has begun to make its partitions ignores it and ends within seconds.
            self.shared.claims.cancel_all();
            self.shared.actions_ended().await;
            observe::save(&self.shared).await?;
        }
        Ok(())
    }

    /// Asks the policy anew for every table: it goes by other settings now. What a table has learnt under
    /// the old ones is void; what an operator has fixed for it stays.
    pub fn follow_settings(&self) {
        if let Some(settings) = tuning::own_settings(&self.shared) {
            self.shared.score.store(Arc::new(settings.score));
        }
        let tables: Vec<TableId> = self.shared.tables.lock().keys().copied().collect();
        for table in tables {
            self.shared.rebase(table);
        }
    }

    /// The service's clock.
    pub fn now_ms(&self) -> i64 {
        self.shared.components.clock.now_ms()
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.shared.events.subscribe()
    }

    /// Where burst credit can be asked for; the reactive floor looks ahead with it.
    pub fn set_credit_source(&self, source: CreditSource) {
        *self.shared.credit.write() = Some(source);
    }

    /// Where it can be asked what partitions and the node sustain; without, plans go by the capacity
    /// that is configured.
    pub fn set_measured_source(&self, source: MeasuredSource) {
        *self.shared.measured.write() = Some(source);
    }

    /// The load expected on a range of keys, in units per second: the next forecast step, or else
    /// the last minutes. Answers from the last tick's snapshot without waiting.
    pub fn expected_load(&self, table: TableId, range: &KeyRange) -> Option<Units> {
        self.shared.snapshots.load().get(&table)?.view.expected_load(range)
    }

    /// Gives a table a past: forgets what was counted of it so far and runs `import` on the
    /// collector, which takes vectors in the order of time. The loop waits meanwhile.
    ///
    /// # Errors
    /// If there is no such table.
    pub async fn import<R: Send>(
        &self,
        table: &str,
        import: impl FnOnce(&mut Collector) -> R + Send,
    ) -> Result<R, ManagerError> {
        let table = self.shared.table(table)?;
        self.shared.follow_catalog().await;
        tokio::task::block_in_place(|| self.shared.import(&table, import))
    }
}
