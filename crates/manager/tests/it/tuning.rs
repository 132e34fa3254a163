//! Thresholds that tune themselves, switched on: a week of a table's life on a clock that the test moves.
//!
//! A real manager on real storage, with the learner that it ships with. The operator has set thresholds
//! that leave new partitions half empty, so that there is something to learn. The clock jumps twenty
//! minutes at a time; what was asked for meanwhile is told to the collector before the manager looks, and a day
//! that is over is learnt from before the next goes on. So nothing depends on how fast the machine is.

use bytes::Bytes;
use manager::{Manager, ManagerSettings, TrainingSettings, TuningDocument, TuningSettings};
use planner::tuning::{Pins, Prices, Record, RecordKind, Thresholds, TunerSettings, Tuning};
use planner::{ControllerSettings, Limits, PlannerSettings, Predictive};
use serde_json::{Value, json};
use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;
use storage::{NewTable, Storage, StorageSettings};
use tempfile::TempDir;
use types::{Clock, ManualClock, PartitionId, TableId, Units};
use workload::{
    ClientNames, Collector, CollectorSettings, Outcome, RangeKeyPrefix, Recorder, RequestType,
    StorageKeyPrefix, Vector, WorkloadSettings, client_hash,
};

/// Monday, 6 May 2024, midnight.
const START_MS: i64 = 1_714_953_600_000;
const MINUTE_MS: i64 = 60_000;
const STEP_MS: i64 = 20 * MINUTE_MS;
const BIN_MS: i64 = 5 * MINUTE_MS;
const DAY_MS: i64 = 86_400_000;
const FIRST_DAY: i64 = START_MS / DAY_MS;
/// Three days to learn from, two before them, and one to spare.
const HISTORY_DAYS: i64 = 6;
const CELLS: u64 = 16;
const CAPACITY: Units = Units { read: 300.0, write: 100.0 };
/// How often it is looked whether something has come about, and how many times: minutes.
const LOOK_EVERY: Duration = Duration::from_millis(1);
const TRIES_MAX: u32 = 300_000;
const TABLE: &str = "orders";
/// Its import is how the test gets at the collector while the manager's loop waits.
const ASIDE: &str = "aside";

/// What is unusual about a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Oddity {
    Nothing,
    /// Some requests in every minute are refused.
    Throttled,
    /// Six times the load for half an hour around noon.
    FlashCrowd,
}

struct Life {
    clock: Arc<ManualClock>,
    storage: Arc<Storage>,
    manager: Arc<Manager>,
    table: TableId,
    _directory: TempDir,
}

/// New partitions half empty: what the learner has to find out.
fn wasteful() -> PlannerSettings {
    let mut settings = PlannerSettings::default();
    settings.slice.target_utilisation = 0.5;
    settings
}

fn settings() -> ManagerSettings {
    let tuner = TunerSettings {
        mode: Tuning::On,
        shadow_days_min: 1,
        canary_days_min: 1,
        // A day's cost hangs on single partitions here.
        drop_max: 0.5,
        prices: Prices { throttled_request: 0.01, ..Prices::default() },
        ..TunerSettings::default()
    };
    ManagerSettings {
        tick_ms: 1,
        tick_real_ms_min: 1,
        training: TrainingSettings { enabled: false, ..TrainingSettings::default() },
        tuning: TuningSettings { tuner, days: 3, cpu_share_max: 1.0, look_interval_real_ms: 5 },
        ..ManagerSettings::default()
    }
}

impl Life {
    async fn begin() -> Self {
        let _directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START_MS));
        let shared: Arc<dyn Clock> = clock.clone();
        let parts = storage::Components::new(shared.clone(), 7);
        let storage = Storage::open(StorageSettings::at(_directory.path()), parts).await.unwrap();
        let quarters = (1..4_u64).map(|i| Bytes::copy_from_slice(&(i << 62).to_be_bytes()));
        for (name, boundaries) in [(TABLE, quarters.collect()), (ASIDE, Vec::new())] {
            let new = NewTable { name: name.into(), definition: json!({}), boundaries };
            storage.create_table(new).await.unwrap();
        }
        let workload = WorkloadSettings::default();
        let components = manager::Components {
            storage: storage.clone(),
            recorder: Arc::new(Recorder::new(&workload.recorder)),
            clients: Arc::new(ClientNames::new(workload.client_names_max)),
            clock: shared,
            capacity: CAPACITY,
            limits: Limits::Dynamodb,
            collector: CollectorSettings {
                cells_initial: CELLS as usize,
                cells_per_table_max: 2 * CELLS as usize,
                ..CollectorSettings::default()
            },
            // One vector a minute and cell: the last seconds alone would be nothing or far too much.
            controller: ControllerSettings { now_ms: MINUTE_MS, ..ControllerSettings::default() },
            policy: Arc::new(|| Box::new(Predictive::new(wasteful()))),
            verdict_after_ms: DAY_MS,
        };
        let manager = Manager::start(settings(), components).await.unwrap();
        let full = planner::load::scale(CAPACITY, planner::BURST_S);
        manager.set_credit_source(Arc::new(move |_, _| Some(full)));
        let table = storage.table(TABLE).unwrap().id();
        Self { clock, storage, manager, table, _directory }
    }

    /// Gives the table a past of so many days.
    async fn import(&self, days: i64) {
        let table = self.table;
        let import = |collector: &mut Collector| {
            for at_ms in (START_MS - days * DAY_MS..START_MS).step_by(MINUTE_MS as usize) {
                tell(collector, table, at_ms + 30_000, Oddity::Nothing);
            }
            collector.advance(START_MS);
        };
        self.manager.import(TABLE, import).await.unwrap();
    }

    /// Lives through a day, twenty minutes at a time, and ends when it has been learnt from.
    async fn live(&self, day: i64, oddity: Oddity) -> TuningDocument {
        for until_ms in (day * DAY_MS..(day + 1) * DAY_MS).step_by(STEP_MS as usize) {
            let until_ms = until_ms + STEP_MS;
            // Bins close a second after their end.
            let now_ms = until_ms + 1_000;
            let step = |collector: &mut Collector| {
                for at_ms in (until_ms - STEP_MS..until_ms).step_by(MINUTE_MS as usize) {
                    tell(collector, self.table, at_ms + 30_000, oddity);
                }
                collector.advance(now_ms);
                self.clock.set_ms(now_ms);
            };
            self.manager.import(ASIDE, step).await.unwrap();
            self.until(|| {
                let looked = self.manager.forecast_document(TABLE).unwrap().now_ms == now_ms;
                looked && self.manager.workflows_document(false).workflows.is_empty()
            })
            .await;
        }
        self.learnt(day).await
    }

    /// Waits until a day has been learnt from.
    async fn learnt(&self, day: i64) -> TuningDocument {
        self.until(|| closing(&self.document(), day).is_some()).await;
        self.document()
    }

    fn document(&self) -> TuningDocument {
        self.manager.tuning_document(TABLE).unwrap()
    }

    async fn until(&self, there: impl Fn() -> bool) {
        for _ in 0..TRIES_MAX {
            if there() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("it never came to that: {:?}", self.document().records.first());
    }
}

/// What is asked of all cells in a minute, one request each.
fn tell(collector: &mut Collector, table: TableId, at_ms: i64, oddity: Oddity) {
    for cell in 0..CELLS {
        let units = rate(cell, at_ms, oddity) * MINUTE_MS as f64 / 1_000.0;
        collector.ingest(&vector(table, cell, at_ms, units, Outcome::Served));
    }
    if oddity == Oddity::Throttled {
        (0..5).for_each(|_| collector.ingest(&vector(table, 3, at_ms, 1.0, Outcome::Throttled)));
    }
}

/// Write units per second on a cell: day and night, steady for five minutes at a time.
fn rate(cell: u64, at_ms: i64, oddity: Oddity) -> f64 {
    let hour = (at_ms.div_euclid(BIN_MS) * BIN_MS).rem_euclid(DAY_MS) as f64 / 3_600_000.0;
    let day = 1.0 + 0.5 * ((hour - 14.0) / 24.0 * TAU).cos();
    let weight = 0.75 + 0.5 * ((cell * 5 % CELLS) as f64 / CELLS as f64);
    let crowd = oddity == Oddity::FlashCrowd && (12.0..12.5).contains(&hour);
    330.0 / CELLS as f64 * weight * day * if crowd { 6.0 } else { 1.0 }
}

fn vector(table: TableId, cell: u64, at_ms: i64, write_units: f64, outcome: Outcome) -> Vector {
    let hash = (cell * (u64::MAX / CELLS + 1)) | 0x77;
    Vector {
        table,
        partition: PartitionId(0),
        request: RequestType::Store,
        key_hash: hash,
        storage_key: StorageKeyPrefix::new(&hash.to_be_bytes()),
        range_key: RangeKeyPrefix::EMPTY,
        timestamp_ms: at_ms,
        client: client_hash("somebody"),
        data_bytes: 100,
        read_units: 0.0,
        write_units: write_units as f32,
        outcome,
        demand: true,
    }
}

/// What was written down when a day was over.
fn closing(document: &TuningDocument, day: i64) -> Option<&Record> {
    let about = |record: &&Record| {
        record.day == day && !matches!(record.kind, RecordKind::Canary | RecordKind::Pinned)
    };
    document.records.iter().find(about)
}

fn said(document: &TuningDocument, day: i64) -> (RecordKind, String) {
    let record = closing(document, day).unwrap();
    (record.kind, record.reason.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_its_way_and_comes_back() {
    let life = Life::begin().await;
    // Two days of history are too few: whatever it finds, nothing is concluded.
    life.import(2).await;
    let young = life.learnt(FIRST_DAY - 1).await;
    let (kind, why) = said(&young, FIRST_DAY - 1);
    assert_eq!(kind, RecordKind::Frozen, "{why}");

    // All but one number are the operator's, which leaves little to play.
    life.manager.pin_thresholds(TABLE, all_but_the_target()).await.unwrap();

    // A proposal, with what the simulator says; the shadow has not seen one yet.
    life.import(HISTORY_DAYS).await;
    let first = life.live(FIRST_DAY, Oddity::Nothing).await;
    let (kind, why) = said(&first, FIRST_DAY);
    let odd = || life.manager.anomalies_document(Some(TABLE)).anomalies;
    assert!(kind == RecordKind::Proposed && why.contains("0 of 1"), "{kind:?}: {why} {:?}", odd());
    assert_eq!(first.in_force, first.own);
    let proposed = first.proposed.unwrap();
    assert!(proposed.target_utilisation > first.own.target_utilisation, "{proposed:?}");
    assert_eq!(all_but_the_target().applied_to(proposed), proposed);

    // The shadow agrees: it is live on some partitions, as there are boundaries.
    life.live(FIRST_DAY + 1, Oddity::Nothing).await;
    let begun = || life.document().records.iter().any(|r| r.kind == RecordKind::Canary);
    life.until(begun).await;
    let trying = life.document();
    let evidence = closing(&trying, FIRST_DAY + 1).unwrap();
    assert!(evidence.shadow_saving.is_some_and(|saving| saving > 0.0), "{evidence:?}");
    assert!(evidence.proposal.as_ref().is_some_and(|p| p.saving.lower() > 0.0), "{evidence:?}");
    assert_eq!(trying.in_force, trying.own, "all others go by the operator's");
    let canary = trying.canary.as_ref().unwrap();
    assert!(canary.share.is_some_and(|share| (0.05..=0.5).contains(&share)), "{canary:?}");

    // The day on which it began is not judged.
    let partial = life.live(FIRST_DAY + 2, Oddity::Nothing).await;
    let (kind, why) = said(&partial, FIRST_DAY + 2);
    assert!(kind == RecordKind::Proposed && why.contains("0 of 1"), "{kind:?}: {why}");

    // A day on which the canary stands: live on all partitions.
    let live = life.live(FIRST_DAY + 3, Oddity::Nothing).await;
    let record = closing(&live, FIRST_DAY + 3).unwrap();
    assert_eq!(record.kind, RecordKind::Changed, "{record:?}");
    assert!(record.canary_ratio.is_some() && record.cost_ratio.is_some(), "{record:?}");
    assert!(live.canary.is_none() && live.in_force == canary.thresholds);

    // It is dearer, whyever: back to the operator's by the end of that day.
    let back = life.live(FIRST_DAY + 4, Oddity::Throttled).await;
    let (kind, why) = said(&back, FIRST_DAY + 4);
    assert_eq!(kind, RecordKind::Reverted, "{why}");
    assert_eq!(back.in_force, back.own);
    assert!(back.paused_until_day.is_some_and(|day| day > FIRST_DAY + 5));
    one_change_a_day(&back);

    // A crowd: nothing is concluded of that day.
    let crowd = life.live(FIRST_DAY + 5, Oddity::FlashCrowd).await;
    let (kind, why) = said(&crowd, FIRST_DAY + 5);
    assert!(kind == RecordKind::Frozen && why.contains("anomaly"), "{kind:?}: {why}");

    // What the operator says holds at once.
    let pins = Pins { target_utilisation: Some(0.7), ..all_but_the_target() };
    let pinned = life.manager.pin_thresholds(TABLE, pins).await.unwrap();
    assert_eq!(pinned.in_force.target_utilisation, 0.7);
    assert_eq!(pinned.records[0].kind, RecordKind::Pinned);
    let document: Value = serde_json::to_value(&pinned).unwrap();
    assert_eq!(document["bounds"]["target_utilisation"], json!([0.5, 0.95]));
    life.manager.stop().await.unwrap();
    life.storage.close().await.unwrap();
}

/// What the operator has set, but for how full new partitions are.
fn all_but_the_target() -> Pins {
    let own = Thresholds::of(&wasteful());
    Pins {
        quantile: Some(own.quantile),
        lead_ms: Some(own.lead_ms),
        target_utilisation: None,
        cooldown_ms: Some(own.cooldown_ms),
        score_threshold: Some(own.score_threshold),
    }
}

fn one_change_a_day(document: &TuningDocument) {
    let changes = |record: &&Record| {
        matches!(record.kind, RecordKind::Canary | RecordKind::Changed | RecordKind::Reverted)
    };
    let mut days: Vec<i64> = document.records.iter().filter(changes).map(|r| r.day).collect();
    let all = days.len();
    days.dedup();
    assert_eq!((all, days.len()), (3, 3), "{days:?}");
}
