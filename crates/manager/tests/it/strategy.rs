//! A strategy that nobody chose, and the requests that ask for another: three days on a clock that the test
//! moves, with a real manager on real storage.
//!
//! Two tables get the same requests, mostly for ranges of partition keys, which hash order answers by
//! reading everything. The owner of one has chosen `hash`; nobody has chosen anything for the other. That
//! one must be changed: after a day, in the trough of the night, with everything in it, and afterwards it
//! must be said what that came to. The clock jumps half an hour at a time, and nothing depends on how fast
//! the machine is.

use crate::support::{BIN_MS, DAY_MS, MINUTE_MS, until};
use bytes::Bytes;
use manager::{
    DecisionDocument, DecisionsRequest, Manager, ManagerSettings, RekeyState, TrainingSettings,
};
use planner::plan::{Kind, Trigger};
use planner::policy::Static;
use planner::strategy::StrategySettings;
use planner::{ControllerSettings, Limits};
use serde_json::json;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::sync::Arc;
use storage::{Direction, NewTable, Storage, StorageSettings, Table};
use tempfile::TempDir;
use types::{
    Clock, KeyRange, KeyValue, ManualClock, PartitionId, PrimaryKey, Strategy, Units, storage_key,
};
use workload::{
    ClientNames, Collector, CollectorSettings, Outcome, RangeKeyPrefix, Recorder, RequestType,
    StorageKeyPrefix, Vector, WorkloadSettings, client_hash,
};

/// Monday, 6 May 2024, noon.
const START_MS: i64 = 1_714_996_800_000;
const STEP_MS: i64 = 30 * MINUTE_MS;
const HISTORY_DAYS: i64 = 6;
const CAPACITY: Units = Units { read: 300.0, write: 100.0 };
const ITEMS: u64 = 256;
const ITEM_BYTES: usize = 16_000;
/// What a query is after, and reads where keys are in order: four items.
const RANGE_BYTES: u32 = 4 * ITEM_BYTES as u32;
const RANGE_UNITS: f32 = 8.0;
/// What it reads in hash order: everything.
const ALL_UNITS: f32 = 500.0;
const FREE: &str = "free";
const OWNED: &str = "owned";
/// Its import is how the test gets at the collector while the manager's loop waits.
const ASIDE: &str = "aside";

struct Life {
    clock: Arc<ManualClock>,
    storage: Arc<Storage>,
    components: manager::Components,
    manager: Arc<Manager>,
    _directory: TempDir,
}

fn settings() -> ManagerSettings {
    ManagerSettings {
        tick_ms: 1,
        tick_real_ms_min: 1,
        sizes_interval_real_ms: 1,
        training: TrainingSettings { enabled: false, ..TrainingSettings::default() },
        strategy: StrategySettings::default(),
        ..ManagerSettings::default()
    }
}

fn key(n: u64) -> PrimaryKey {
    PrimaryKey { partition: KeyValue::S(format!("k{n:05}")), sort: None }
}

fn value(n: u64) -> Bytes {
    Bytes::from(vec![n as u8; ITEM_BYTES])
}

async fn make_table(storage: &Arc<Storage>, name: &str, tags: serde_json::Value) {
    let definition = json!({"strategy": "hash", "tags": tags});
    let boundaries = storage_key::even_boundaries(4);
    storage.create_table(NewTable { name: name.into(), definition, boundaries }).await.unwrap();
    let table = storage.table(name).unwrap();
    for n in 0..ITEMS {
        let stored_under = storage_key::encode(Strategy::Hash, &key(n));
        let put = |_: Option<&Bytes>| storage::Decision::Put(value(n), ());
        table.read_modify_write(&stored_under, put).await.unwrap();
    }
}

impl Life {
    async fn begin() -> Self {
        let _directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START_MS));
        let shared: Arc<dyn Clock> = clock.clone();
        let parts = storage::Components::new(shared.clone(), 7);
        let quick =
            StorageSettings { rekey_bytes_per_s: 0, ..StorageSettings::at(_directory.path()) };
        let storage = Storage::open(quick, parts).await.unwrap();
        let fan_out = json!({"Key": "foreshard:range-queries", "Value": "fan-out"});
        let chosen = json!({"Key": "foreshard:strategy", "Value": "hash"});
        make_table(&storage, FREE, json!([fan_out.clone()])).await;
        make_table(&storage, OWNED, json!([fan_out, chosen])).await;
        let aside = NewTable { name: ASIDE.into(), definition: json!({}), boundaries: Vec::new() };
        storage.create_table(aside).await.unwrap();
        let workload = WorkloadSettings::default();
        let components = manager::Components {
            storage: storage.clone(),
            recorder: Arc::new(Recorder::new(&workload.recorder)),
            clients: Arc::new(ClientNames::new(workload.client_names_max)),
            clock: shared,
            capacity: CAPACITY,
            limits: Limits::Dynamodb,
            collector: CollectorSettings::default(),
            controller: ControllerSettings { now_ms: MINUTE_MS, ..ControllerSettings::default() },
            policy: Arc::new(|| Box::new(Static)),
            verdict_after_ms: DAY_MS,
        };
        let manager = Manager::start(settings(), components.clone()).await.unwrap();
        Self { clock, storage, components, manager, _directory }
    }

    fn table(&self, name: &str) -> Arc<Table> {
        self.storage.table(name).unwrap()
    }

    /// Gives both tables a past.
    async fn import(&self) {
        for name in [FREE, OWNED] {
            let table = self.table(name);
            let import = |collector: &mut Collector| {
                for at_ms in (START_MS - HISTORY_DAYS * DAY_MS..START_MS).step_by(60_000) {
                    tell(collector, &table, at_ms);
                }
                collector.advance(START_MS);
            };
            self.manager.import(name, import).await.unwrap();
        }
    }

    /// Half an hour more; a change that they make begin is waited for.
    async fn step(&self) {
        let from_ms = self.clock.now_ms().div_euclid(MINUTE_MS) * MINUTE_MS;
        // Bins close a second after their end.
        let now_ms = from_ms + STEP_MS + 1_000;
        let tables = [FREE, OWNED].map(|name| self.table(name));
        let step = |collector: &mut Collector| {
            for at_ms in (from_ms..from_ms + STEP_MS).step_by(60_000) {
                tables.iter().for_each(|table| tell(collector, table, at_ms));
            }
            collector.advance(now_ms);
            self.clock.set_ms(now_ms);
        };
        self.manager.import(ASIDE, step).await.unwrap();
        let looked = |name| self.manager.forecast_document(name).unwrap().now_ms == now_ms;
        until("it has looked", || looked(FREE) && looked(OWNED)).await;
        until("a change has ended", || {
            let held = self.manager.plan_document(FREE).unwrap().change.and_then(|now| now.held);
            let rekeys = self.manager.rekey_documents();
            let running = rekeys.iter().any(|rekey| rekey.state == RekeyState::Running);
            !running && held.as_deref() != Some("it is about to begin")
        })
        .await;
    }

    fn decisions(&self) -> Vec<DecisionDocument> {
        self.manager.decisions_document(&DecisionsRequest::default()).decisions
    }

    async fn contents(&self, name: &str) -> BTreeMap<Bytes, Bytes> {
        let mut rows = self.table(name).scan(KeyRange::full(), Direction::Forward);
        let mut found = BTreeMap::new();
        while let Some((key, value)) = rows.next().await.unwrap() {
            assert!(found.insert(key, value).is_none(), "each once");
        }
        found
    }
}

/// What is asked of a table in one minute, in the order that it has.
fn tell(collector: &mut Collector, table: &Table, at_ms: i64) {
    let strategy = strategy_of(table);
    let hour = (at_ms.div_euclid(BIN_MS) * BIN_MS).rem_euclid(DAY_MS) as f64 / 3_600_000.0;
    let day = 1.0 + 0.5 * ((hour - 14.0) / 24.0 * TAU).cos();
    for n in (0..ITEMS).step_by(16) {
        let units = (day * 0.5 * 60.0) as f32;
        let stored_under = storage_key::encode(strategy, &key(n));
        let hash = storage_key::partition_hash(&key(n).partition);
        let asked = vector(table, RequestType::Retrieve, at_ms, &stored_under, units);
        collector.ingest(&Vector { key_hash: hash, ..asked });
    }
    for n in 0..(12.0 * day) as u64 {
        let (start, units) = match strategy {
            Strategy::Range => (storage_key::encode(strategy, &key(n * 10)), RANGE_UNITS),
            Strategy::Hash | Strategy::Composite => (Bytes::new(), ALL_UNITS),
        };
        let asked = vector(table, RequestType::Range, at_ms, &start, units);
        collector.ingest(&Vector { data_bytes: RANGE_BYTES, ..asked });
    }
}

fn vector(table: &Table, request: RequestType, at_ms: i64, key: &[u8], read_units: f32) -> Vector {
    Vector {
        table: table.id(),
        partition: PartitionId(0),
        request,
        key_hash: 0,
        storage_key: StorageKeyPrefix::new(key),
        range_key: RangeKeyPrefix::EMPTY,
        timestamp_ms: at_ms + 30_000,
        client: client_hash("somebody"),
        data_bytes: 100,
        read_units,
        write_units: 0.0,
        outcome: Outcome::Served,
        demand: true,
    }
}

fn strategy_of(table: &Table) -> Strategy {
    serde_json::from_value(table.definition()["strategy"].clone()).unwrap()
}

fn hour_of(ms: i64) -> i64 {
    ms.rem_euclid(DAY_MS) / 3_600_000
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_ranges_make_it_change_the_order_that_nobody_chose() {
    let life = Life::begin().await;
    life.import().await;
    let (mut steps, mut waited) = (0, 0);
    while life.manager.rekey_documents().is_empty() {
        life.step().await;
        steps += 1;
        let plan = life.manager.plan_document(FREE).unwrap();
        let held = plan.change.and_then(|change| change.held);
        assert!(steps < 3 * 48, "it was never changed: {held:?}");
        waited += u32::from(held.is_some_and(|why| why.contains("a trough is waited for")));
    }
    let [rekey] = &life.manager.rekey_documents()[..] else { panic!("one") };
    assert_eq!((rekey.table.as_str(), rekey.state), (FREE, RekeyState::Done), "{rekey:?}");
    assert!(rekey.started_ms - START_MS >= DAY_MS, "it had to last");
    assert!(waited > 10, "and then for the night");
    let hour = hour_of(rekey.started_ms);
    assert!(!(6..22).contains(&hour), "at {hour} h, while the trough is at 2 h");

    let ordered = (0..ITEMS).map(|n| (storage_key::encode(Strategy::Range, &key(n)), value(n)));
    assert_eq!(life.contents(FREE).await, ordered.collect::<BTreeMap<_, _>>());
    let definition = life.table(FREE).definition();
    assert_eq!(definition["strategy"], "range");
    assert!(!dynamodb::has_chosen_strategy(&definition), "nobody has chosen it");

    let [decision] = &life.decisions()[..] else { panic!("one decision") };
    assert_eq!(
        (decision.id, decision.action, decision.trigger),
        (rekey.id, "rekey", Trigger::Forecast)
    );
    assert_eq!(decision.kind, Kind::RangeAdjustment);
    assert!(decision.reason.contains("rekey to range: estimated gain"), "{}", decision.reason);
    assert!(
        decision.result.as_ref().is_some_and(|line| line.contains("256 items")),
        "{decision:?}"
    );
    assert_eq!(decision.outcome, None, "it is too early to tell");
    let grounds = decision.rekey.as_ref().unwrap().grounds.as_ref().unwrap();
    assert_eq!(grounds.choice.estimates.len(), 3, "the alternatives");
    let estimated = grounds.choice.proposal.as_ref().unwrap().saves_units_per_s;

    // A day later it is known what it came to, also to a process that was started since.
    let judged = || life.decisions().iter().any(|decision| decision.outcome.is_some());
    for _ in 0..50 {
        life.step().await;
    }
    until("what came of it is counted", judged).await;
    life.manager.stop().await.unwrap();
    let again = Manager::start(settings(), life.components.clone()).await.unwrap();
    let found = again.decision_document(rekey.id).unwrap();
    let outcome = found.outcome.unwrap();
    let saved = found.rekey.unwrap().grounds.unwrap().saved_units_per_s.unwrap();
    assert!((0.5..2.0).contains(&(saved / estimated)), "{outcome}");
    assert!(outcome.starts_with("estimated gain"), "{outcome}");

    assert_eq!(strategy_of(&life.table(OWNED)), Strategy::Hash);
    let held = again.rekey_documents();
    assert_eq!(held.len(), 1, "what its owner has chosen stays, and nothing goes back: {held:?}");
    again.stop().await.unwrap();
    life.storage.close().await.unwrap();
}
