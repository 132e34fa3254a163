//! Thresholds that tune themselves: training in the background, and the tuner's word carried out.
//!
//! | name | content |
//! |---|---|
//! | `tuning/<table>` | `planner::tuning`'s record of one table |
//!
//! When a day of a table's data is over, its history is trained on in the simulator, one table at a time,
//! on a thread of its own that rests after each played day for long enough to keep to its share of one
//! core. Then the tuner is told how the day went and what was learnt; what it says is put in force and
//! written down. **Nothing waits for it and nothing depends on it:** an error or a panic in the learner
//! is logged, the table goes on with what it has, and the day is tried again later, three times. A record
//! that cannot be read is dropped with a warning, and the operator's own settings hold. A canary that waits
//! for a boundary gets it at the first look at which the table has one.

mod day;
mod documents;
mod history;

pub use documents::{CanaryDocument, TuningDocument};

use crate::error::ManagerError;
use crate::shared::Shared;
use crate::tables::TableState;
use bytes::Bytes;
use day::Closing;
use planner::controller::ControllerSettings;
use planner::policy::{Policy, Predictive, Zoned};
use planner::settings::ScoreSettings;
use planner::tuning::{Thresholds, Tuner, TunerSettings, Tuning, border};
use serde::{Deserialize, Serialize};
use simulator::tuning::Pace;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storage::Blobs;
use tokio::sync::watch;
use types::TableId;

const DIRECTORY: &str = "tuning";
const DAY_MS: i64 = 24 * 3_600_000;
/// How often a day is tried that could not be closed.
const ATTEMPTS_MAX: u32 = 3;

/// `[manager.tuning]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuningSettings {
    /// How far tuning may go, what things cost, and when something is changed or reverted.
    pub tuner: TunerSettings,
    /// From how many of the last days is learnt; 3 at least, and two more must be known before them.
    pub days: usize,
    /// The share of one core that training may use.
    pub cpu_share_max: f64,
    /// How often it is looked whether a day is over.
    pub look_interval_real_ms: u64,
}

impl Default for TuningSettings {
    fn default() -> Self {
        Self {
            tuner: TunerSettings::default(),
            days: 10,
            cpu_share_max: 0.1,
            look_interval_real_ms: 60_000,
        }
    }
}

/// The tuners of all tables.
#[derive(Debug, Default)]
pub(crate) struct Tuners {
    known: HashMap<TableId, Tuner>,
    /// How often closing a day has failed.
    failed: HashMap<TableId, (i64, u32)>,
}

fn name(table: TableId) -> String {
    format!("{DIRECTORY}/{table}")
}

/// Reads back what is stored of tables.
pub(crate) async fn restore(blobs: &Blobs) -> Result<HashMap<String, Tuner>, ManagerError> {
    let mut tuners = HashMap::new();
    for name in blobs.list(DIRECTORY).await? {
        let Some(content) = blobs.get(&name).await? else { continue };
        match Tuner::from_bytes(&content) {
            Ok(tuner) => {
                tuners.insert(name, tuner);
            }
            Err(error) => tracing::warn!(%name, %error, "the tuning of a table is dropped"),
        }
    }
    Ok(tuners)
}

/// Forgets a dropped table's tuning.
pub(crate) async fn forget(blobs: &Blobs, table: TableId) -> Result<(), ManagerError> {
    Ok(blobs.delete(&name(table)).await?)
}

impl Shared {
    /// The policy of a table and how it is watched, with what is in force there.
    pub(crate) fn tuned(&self, table: TableId) -> (Box<dyn Policy>, ControllerSettings) {
        let policy = (self.components.policy)();
        let score = ScoreSettings::clone(&self.score.load());
        let controller = ControllerSettings { score, ..self.components.controller.clone() };
        let Some(settings) = policy.tunable() else { return (policy, controller) };
        let base = Thresholds::of(settings);
        let stored = self.tuning_stored.lock().remove(&name(table));
        let mut tuners = self.tuners.lock();
        let fresh = || stored.map_or_else(|| Tuner::new(base), |t| t.resume(base, self.mode()));
        let tuner = tuners.known.entry(table).or_insert_with(fresh);
        let in_force = tuner.in_force();
        let canary = tuner.canary().and_then(|canary| {
            let border = canary.border.as_ref()?.key.clone();
            Some((border, canary.proposal.thresholds.applied_to(settings)))
        });
        // The operator's own are taken as they are, in the bounds or not.
        let (tuned, controller) = match in_force == base {
            true if canary.is_none() => return (policy, controller),
            true => (settings.clone(), controller),
            false => {
                let tuned = in_force.applied_to(settings);
                let score = tuned.score.clone();
                (tuned, ControllerSettings { score, ..controller })
            }
        };
        let policy: Box<dyn Policy> = match canary {
            Some((border, canary)) => Box::new(Zoned::new(border, canary, tuned)),
            None => Box::new(Predictive::new(tuned)),
        };
        (policy, controller)
    }

    /// Begins a canary that waits for it, if the table has a boundary for it now; says whether it did.
    fn begin_canary(&self, table: TableId) -> bool {
        let settings = &self.settings.tuning.tuner;
        let waits =
            |tuner: &mut Tuner| tuner.canary().is_some_and(|canary| canary.border.is_none());
        if !self.with_tuner(table, waits).unwrap_or(false) {
            return false;
        }
        let found = {
            let tables = self.tables.lock();
            tables
                .get(&table)
                .and_then(|state| border(state.controller.view(), settings.canary_share))
        };
        let Some(border) = found else { return false };
        let day = self.components.clock.now_ms().div_euclid(DAY_MS);
        self.with_tuner(table, |tuner| tuner.begin_canary(border, day, settings.records_max));
        self.retune(table);
        true
    }

    fn mode(&self) -> Tuning {
        self.settings.tuning.tuner.mode
    }

    /// Puts in force what a table's tuner says.
    pub(crate) fn retune(&self, table: TableId) {
        let (policy, controller) = self.tuned(table);
        if let Some(state) = self.tables.lock().get_mut(&table) {
            state.controller.retune(policy, controller.score);
        }
    }

    /// Puts in force what the operator's settings are now, with what is fixed for the table.
    pub(crate) fn rebase(&self, table: TableId) {
        if let Some(base) = own_settings(self).as_ref().map(Thresholds::of) {
            let mut tuners = self.tuners.lock();
            if let Some(tuner) = tuners.known.remove(&table) {
                tuners.known.insert(table, tuner.resume(base, self.mode()));
            }
        }
        self.retune(table);
    }

    /// Lets go of what is known of dropped tables.
    pub(crate) fn forget_tuners(&self, dropped: &[TableId]) {
        let mut tuners = self.tuners.lock();
        for table in dropped {
            tuners.known.remove(table);
            tuners.failed.remove(table);
        }
    }

    /// Writes a table's tuning down.
    pub(crate) async fn save_tuner(&self, table: TableId) -> Result<(), ManagerError> {
        let bytes = self.tuners.lock().known.get(&table).map(Tuner::to_bytes).transpose()?;
        if let Some(bytes) = bytes {
            self.components.storage.blobs().put(&name(table), Bytes::from(bytes)).await?;
        }
        Ok(())
    }

    /// A look at a table's tuner, or a change of it.
    pub(crate) fn with_tuner<R>(
        &self,
        table: TableId,
        f: impl FnOnce(&mut Tuner) -> R,
    ) -> Option<R> {
        self.tuners.lock().known.get_mut(&table).map(f)
    }
}

/// Looks for days that are over, until told to stop.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    if shared.mode() == Tuning::Off {
        return;
    }
    let look_interval = Duration::from_millis(shared.settings.tuning.look_interval_real_ms.max(1));
    loop {
        let tables: Vec<TableId> = shared.tables.lock().keys().copied().collect();
        for table in tables {
            if let Some(closing) = due(&shared, table) {
                let number = closing.number;
                match close(&shared, closing, &mut stop).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        tracing::warn!(%table, %error, "thresholds could not be tuned");
                        note_failure(&shared, table, number);
                    }
                }
            }
            if shared.begin_canary(table) {
                tracing::info!(%table, "thresholds are tried on a canary");
                if let Err(error) = shared.save_tuner(table).await {
                    tracing::warn!(%table, %error, "a canary could not be written down");
                }
            }
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(look_interval) => {}
        }
    }
}

/// The day of a table that is to be closed, if one is.
fn due(shared: &Shared, table: TableId) -> Option<Closing> {
    let number = shared.components.clock.now_ms().div_euclid(DAY_MS) - 1;
    let last = shared.with_tuner(table, |tuner| tuner.last_day())?;
    let failed = shared.tuners.lock().failed.get(&table).copied();
    let given_up = failed.is_some_and(|(day, times)| day == number && times >= ATTEMPTS_MAX);
    if given_up || last.is_some_and(|last| last >= number) {
        return None;
    }
    Closing::of(shared, table, number)
}

fn note_failure(shared: &Shared, table: TableId, number: i64) {
    let mut tuners = shared.tuners.lock();
    let failed = tuners.failed.entry(table).or_insert((number, 0));
    *failed = if failed.0 == number { (number, failed.1 + 1) } else { (number, 1) };
}

/// Trains on a table, and lets its tuner conclude; `false` if it was told to stop.
async fn close(
    shared: &Arc<Shared>,
    closing: Closing,
    stop: &mut watch::Receiver<bool>,
) -> Result<bool, ManagerError> {
    let (table, number) = (closing.table, closing.number);
    let settings = shared.settings.tuning.clone();
    let share = settings.cpu_share_max;
    let learn = move |pace: &Pace| closing.learn(&settings, pace);
    let Some(day) = supervise(learn, share, stop).await? else { return Ok(false) };
    let tuner = &shared.settings.tuning.tuner;
    let closed = shared.with_tuner(table, |mine| {
        let live = |tuner: &Tuner| (tuner.in_force(), tuner.canary().cloned());
        let before = live(mine);
        mine.close(tuner, day);
        let reason = mine.records().next_back().map(|record| record.reason.clone());
        (live(mine) != before, reason.unwrap_or_default())
    });
    if let Some((changed, reason)) = closed {
        tracing::info!(%table, day = number, changed, %reason, "a day was learnt from");
        if changed {
            shared.retune(table);
        }
        shared.save_tuner(table).await?;
    }
    Ok(true)
}

/// Runs the learner on a thread of its own; `None` if it was told to stop meanwhile. A panic in it is an
/// error like others.
async fn supervise<T: Send + 'static>(
    learn: impl FnOnce(&Pace) -> Result<T, ManagerError> + Send + 'static,
    cpu_share_max: f64,
    stop: &mut watch::Receiver<bool>,
) -> Result<Option<T>, ManagerError> {
    let going = Arc::new(AtomicBool::new(true));
    let pace = pace(cpu_share_max, going.clone());
    let mut learner = tokio::task::spawn_blocking(move || learn(&pace));
    tokio::select! {
        learnt = &mut learner => Ok(Some(learnt??)),
        _ = stop.changed() => {
            going.store(false, Ordering::Release);
            // It ends after the day that it is playing; what it says is not wanted any more.
            let _ = learner.await;
            Ok(None)
        }
    }
}

/// Rests between played days, on the learner's own thread, so long that it keeps to its share of a core.
fn pace(cpu_share_max: f64, going: Arc<AtomicBool>) -> Pace {
    let since = parking_lot::Mutex::new(Instant::now());
    Arc::new(move || {
        let mut since = since.lock();
        let rest = since.elapsed().mul_f64((1.0 / cpu_share_max.max(0.01) - 1.0).max(0.0));
        let until = Instant::now() + rest;
        // In pieces, so that a stop does not have to wait for it.
        while going.load(Ordering::Acquire) && Instant::now() < until {
            std::thread::sleep(until.saturating_duration_since(Instant::now()).min(PIECE));
        }
        *since = Instant::now();
        going.load(Ordering::Acquire)
    })
}

/// The longest that a stop waits for a rest.
const PIECE: Duration = Duration::from_millis(100);

/// The settings a table's policy goes by when nothing is tuned.
pub(crate) fn own_settings(shared: &Shared) -> Option<planner::PlannerSettings> {
    (shared.components.policy)().tunable().cloned()
}

/// The first cells' boundaries and the moments of a table's maps.
pub(crate) fn maps(state: &TableState) -> Vec<(i64, Vec<Bytes>)> {
    state.maps.iter().map(|(at_ms, boundaries)| (at_ms, boundaries.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_learner_that_panics_or_fails_is_an_error_and_no_more() {
        let (_stop, mut stopped) = watch::channel(false);
        let panics = |_: &Pace| -> Result<(), ManagerError> { panic!("made up") };
        let ended = supervise(panics, 1.0, &mut stopped).await;
        assert!(matches!(ended, Err(ManagerError::Loop(_))), "{ended:?}");
        let fails = |_: &Pace| Err::<(), _>(simulator::SimulatorError::Stopped.into());
        let ended = supervise(fails, 1.0, &mut stopped).await;
        assert!(matches!(ended, Err(ManagerError::Simulator(_))), "{ended:?}");
        let learns = |_: &Pace| Ok(7);
        assert_eq!(supervise(learns, 1.0, &mut stopped).await.unwrap(), Some(7));
    }

    #[tokio::test]
    async fn a_stop_ends_the_learner_at_its_next_rest() {
        let (stop, mut stopped) = watch::channel(false);
        let (begun, begins) = tokio::sync::oneshot::channel();
        let endless = move |pace: &Pace| {
            let _ = begun.send(());
            while pace() {}
            Ok(())
        };
        let stopping = tokio::spawn(async move {
            begins.await.unwrap();
            stop.send_replace(true);
            stop
        });
        assert_eq!(supervise(endless, 1.0, &mut stopped).await.unwrap(), None);
        drop(stopping.await.unwrap());
    }
}
