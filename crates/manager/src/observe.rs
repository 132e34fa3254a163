//! The loop: collect, look at every table, act on plans, look back, save.
//!
//! A tick is CPU work of at most some milliseconds per table and runs outside the reactor's threads.
//! Whatever fails here is logged and tried again at the next tick: recorder, forecasts and plans
//! may lag, requests do not notice.

use crate::error::ManagerError;
use crate::event::Event;
use crate::housekeeping;
use crate::journal::Entry;
use crate::judge;
use crate::persist;
use crate::rekey::auto::{self, Chosen};
use crate::shared::Shared;
use crate::strategy;
use crate::tables::{Snapshot, Snapshots};
use crate::workflow;
use planner::decision::Decision;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use types::TableId;

/// Runs until told to stop.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut chores = Chores::new();
    let mut ticks = tokio::time::interval(period(&shared));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
        }
        shared.follow_catalog().await;
        let Decided { plans, change } = match tick(shared.clone()).await {
            Ok(decided) => decided,
            Err(error) => {
                tracing::error!(%error, "a tick of the manager failed");
                continue;
            }
        };
        for (table, entries) in plans {
            workflow::start(&shared, table, entries);
        }
        if let Some(chosen) = change {
            auto::start(&shared, chosen);
        }
        chores.run(&shared).await;
    }
}

fn period(shared: &Shared) -> Duration {
    let settings = &shared.settings;
    let real_ms = settings.tick_ms as f64 / shared.components.clock.speed();
    Duration::from_secs_f64(real_ms.max(settings.tick_real_ms_min as f64).max(1.0) / 1e3)
}

/// What one look at all tables has come to.
#[derive(Debug, Default)]
struct Decided {
    /// The actions of plans.
    plans: Vec<(TableId, Vec<Entry>)>,
    /// The change of a strategy, one at a time.
    change: Option<Chosen>,
}

/// Looks at every table once; returns what was decided.
async fn tick(shared: Arc<Shared>) -> Result<Decided, ManagerError> {
    Ok(tokio::task::spawn_blocking(move || look(&shared)).await?)
}

fn look(shared: &Shared) -> Decided {
    let now_ms = shared.components.clock.now_ms();
    let credit = shared.credit.read().clone();
    let mut tables = shared.tables.lock();
    let mut collector = shared.collector.lock();
    collector.drain(&shared.components.recorder, now_ms);
    let mut journal = shared.journal.lock();
    let network = shared.network.load_full();
    let measured = shared.measured.read().clone();
    let node = measured.as_ref().and_then(|measured| (measured.node)());
    let copies = auto::copies(shared);
    let mut decided = Decided::default();
    let mut snapshots: Snapshots = HashMap::with_capacity(tables.len());
    for (id, state) in tables.iter_mut() {
        let capacity = |partition| {
            let seen = measured.as_ref().and_then(|measured| (measured.capacity)(*id, partition));
            seen.unwrap_or(shared.components.capacity)
        };
        let facts = state
            .facts(capacity, |partition| credit.as_ref().and_then(|source| source(*id, partition)));
        if let Some(network) = &network {
            state.controller.adopt(network);
        }
        let busy = shared.is_busy(&state.table) || shared.control.is_paused();
        state.controller.describe(state.describe(node));
        let policy = state.controller.policy().name();
        let tick = state.controller.tick(now_ms, &collector, &facts, busy);
        if tick.plan.is_hold() {
            if tick.scored {
                shared.considered.lock().hold(now_ms, &tick.view.name, &tick.plan);
            }
        } else {
            let first_id = journal.next_id();
            let decisions = Decision::of_plan(first_id, policy, tick.view, tick.scores, &tick.plan);
            let entries: Vec<Entry> =
                decisions.into_iter().map(|made| Entry::running(made, state.order)).collect();
            // Ids are taken now; the entries are written before their actions start.
            for entry in &entries {
                journal.insert(entry.clone());
            }
            decided.plans.push((*id, entries));
        }
        let (clients, mut log) = (&shared.components.clients, shared.anomalies.lock());
        state.foretold.follow(tick.view);
        state.watch.follow(*id, tick.view, &collector, clients, &mut log);
        let changed = log.take_changed();
        drop(log);
        for anomaly in changed {
            shared.tell(Event::Anomaly(Box::new(anomaly)));
        }
        let snapshot = Snapshot { view: tick.view.clone(), scores: tick.scores.to_vec() };
        snapshots.insert(*id, Arc::new(snapshot));
        let settings = &shared.settings.strategy;
        if let Some(proposal) = strategy::follow(state, &collector, clients, copies, settings) {
            shared.tell(Event::Proposed(Box::new(proposal)));
        }
        let is_planned = decided.plans.iter().any(|(planned, _)| planned == id);
        if decided.change.is_none() && !is_planned {
            decided.change = auto::consider(shared, state, &collector);
        }
    }
    shared.snapshots.store(Arc::new(snapshots));
    shared.looked.notify_waiters();
    decided
}

/// Writes everything that changed.
pub(crate) async fn save(shared: &Shared) -> Result<(), ManagerError> {
    let tables: Vec<(TableId, u64)> =
        shared.tables.lock().iter().map(|(id, state)| (*id, state.order)).collect();
    for (table, order) in tables {
        persist::save(shared.components.storage.blobs(), &shared.collector, table, order).await?;
    }
    Ok(())
}

/// What is done now and then, each on its own interval and without holding up the ticks.
struct Chores {
    saved: Instant,
    sized: Instant,
    tidied: Instant,
    judged_ms: i64,
    saving: Option<tokio::task::JoinHandle<()>>,
    tidying: Option<tokio::task::JoinHandle<()>>,
}

impl Chores {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            saved: now,
            sized: now,
            tidied: now,
            judged_ms: i64::MIN,
            saving: None,
            tidying: None,
        }
    }

    async fn run(&mut self, shared: &Arc<Shared>) {
        let settings = &shared.settings;
        let now_ms = shared.components.clock.now_ms();
        if now_ms >= self.judged_ms.saturating_add(settings.outcome_interval_ms) {
            self.judged_ms = now_ms;
            judge::look_back(shared).await;
        }
        if due(&mut self.sized, settings.sizes_interval_real_ms) {
            measure_sizes(shared).await;
        }
        if idle(&self.saving) && due(&mut self.saved, settings.save_interval_real_ms) {
            let shared = shared.clone();
            self.saving = Some(tokio::spawn(async move {
                if let Err(error) = save(&shared).await {
                    tracing::warn!(%error, "history could not be saved; trying again later");
                }
            }));
        }
        if idle(&self.tidying) && due(&mut self.tidied, settings.maintain_interval_real_ms) {
            let shared = shared.clone();
            self.tidying = Some(tokio::spawn(async move {
                if let Err(error) = housekeeping::tidy(&shared).await {
                    tracing::warn!(%error, "storage could not tidy up; trying again later");
                }
            }));
        }
    }
}

fn due(last: &mut Instant, interval_ms: u64) -> bool {
    let due = last.elapsed() >= Duration::from_millis(interval_ms);
    if due {
        *last = Instant::now();
    }
    due
}

fn idle(task: &Option<tokio::task::JoinHandle<()>>) -> bool {
    task.as_ref().is_none_or(tokio::task::JoinHandle::is_finished)
}

async fn measure_sizes(shared: &Shared) {
    for table in shared.components.storage.tables() {
        match table.partition_sizes().await {
            Ok(sizes) => {
                if let Some(state) = shared.tables.lock().get_mut(&table.id()) {
                    state.sizes =
                        sizes.into_iter().map(|size| (size.id, size.live_bytes)).collect();
                }
            }
            Err(error) => tracing::debug!(table = table.name(), %error, "sizes not measured"),
        }
    }
}
