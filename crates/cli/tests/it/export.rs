//! What a service saw, written down and played again: the same decisions.
//!
//! A real manager on real storage lives through a day and a quarter on a clock that the test moves: a
//! minute at a time, and only when the manager has looked at the minute before and has ended what it
//! began. So no decision depends on how fast the machine is. The load arrives as workload vectors, as
//! the server records them.

use crate::http::Http;
use manager::{DecisionsRequest, Manager, ManagerSettings, TrainingSettings};
use planner::{ControllerSettings, Decision, Limits, PlannerSettings, Predictive, Trigger};
use serde_json::{Value, json};
use server::metrics::MetricsExport;
use server::{
    Admin, AdminComponents, AdminHandle, AdminSettings, Server, ServerHandle, ServerSettings,
};
use simulator::case::Case;
use simulator::minutes::{Bank, PlaySettings};
use simulator::policies::{self, Curve, PolicyName};
use simulator::recording::{Recording, Span};
use std::f64::consts::TAU;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use storage::{Storage, StorageSettings};
use tempfile::TempDir;
use types::{Clock, KeyRange, ManualClock, PartitionId, TableId, Units};
use workload::{
    ClientNames, CollectorSettings, Outcome, RangeKeyPrefix, Recorder, RequestType,
    StorageKeyPrefix, TraceReader, Vector, WorkloadSettings, client_hash,
};

/// Monday, 6 May 2024, midnight.
const START_MS: i64 = 1_714_953_600_000;
const MINUTE_MS: i64 = 60_000;
const BIN_MS: i64 = 300_000;
const DAY_MS: i64 = 86_400_000;
const HISTORY_DAYS: i64 = 14;
const LIVE_MINUTES: i64 = 30 * 60;
/// The manager looks this long after each minute: bins close a second after their end.
const LOOK_MS: i64 = 1_000;
/// As many cells as the table may have, each with a key of its own.
const CELLS: u64 = 64;
const CAPACITY: Units = Units { read: 3_000.0, write: 1_000.0 };
/// Decisions may be made a score interval earlier or later.
const TOLERANCE_MS: i64 = 60_000;
/// Looks at the manager while waiting for it, each some microseconds.
const TRIES_MAX: u32 = 100_000_000;
const TABLE: &str = "things";

/// A service without traffic: what is asked for is told to its recorder.
struct Live {
    clock: Arc<ManualClock>,
    recorder: Arc<Recorder>,
    clients: Arc<ClientNames>,
    storage: Arc<Storage>,
    manager: Arc<Manager>,
    server: ServerHandle,
    admin: AdminHandle,
    http: Http,
    _directory: TempDir,
}

fn controller() -> ControllerSettings {
    // One vector a minute and key: the last seconds alone would be either nothing or ten times too much.
    ControllerSettings { now_ms: MINUTE_MS, ..ControllerSettings::default() }
}

fn components(
    storage: Arc<Storage>,
    recorder: Arc<Recorder>,
    clients: Arc<ClientNames>,
    clock: Arc<dyn Clock>,
) -> manager::Components {
    manager::Components {
        storage,
        recorder,
        clients,
        clock,
        capacity: CAPACITY,
        limits: Limits::Dynamodb,
        collector: CollectorSettings {
            cells_initial: CELLS as usize,
            cells_per_table_max: CELLS as usize,
            ..CollectorSettings::default()
        },
        controller: controller(),
        policy: Arc::new(|| Box::new(Predictive::new(PlannerSettings::default()))),
        verdict_after_ms: DAY_MS,
    }
}

impl Live {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START_MS));
        let shared: Arc<dyn Clock> = clock.clone();
        let parts = storage::Components::new(shared.clone(), 7);
        let storage = Storage::open(StorageSettings::at(directory.path()), parts).await.unwrap();
        let workload = WorkloadSettings::default();
        let recorder = Arc::new(Recorder::new(&workload.recorder));
        let clients = Arc::new(ClientNames::new(workload.client_names_max));
        let settings = ManagerSettings {
            tick_ms: 1,
            tick_real_ms_min: 1,
            training: TrainingSettings { enabled: false, ..TrainingSettings::default() },
            ..ManagerSettings::default()
        };
        let components =
            components(storage.clone(), recorder.clone(), clients.clone(), shared.clone());
        let manager = Manager::start(settings, components).await.unwrap();
        // Nobody is ever throttled here, so that all credit is there whenever it matters.
        let full = planner::load::scale(CAPACITY, planner::BURST_S);
        manager.set_credit_source(Arc::new(move |_, _| Some(full)));
        let components = server::Components {
            storage: storage.clone(),
            recorder: recorder.clone(),
            clients: clients.clone(),
            clock: shared,
            expected_load: None,
            seed: 7,
        };
        let any_port = ([127, 0, 0, 1], 0).into();
        let settings = ServerSettings { listen: any_port, ..ServerSettings::default() };
        let server = Server::start(settings, components).await.unwrap();
        let metrics = MetricsExport::new(server.metrics().clone(), recorder.clone(), None);
        let components = AdminComponents {
            manager: manager.clone(),
            metrics: Arc::new(metrics),
            storage: storage.clone(),
        };
        let settings = AdminSettings { listen: any_port, ..AdminSettings::default() };
        let admin = Admin::start(settings, components).await.unwrap();
        let http =
            Http::new(format!("http://{}", server.addr()), format!("http://{}", admin.addr()));
        let _directory = directory;
        Self { clock, recorder, clients, storage, manager, server, admin, http, _directory }
    }

    /// A table of four partitions with two weeks of history.
    async fn table_with_a_past(&self) -> TableId {
        let table = json!({
            "TableName": TABLE,
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        self.http.ok("CreateTable", table).await;
        let split = json!({"action": "split", "partition": 1, "into": 4});
        let (status, reply) = self.http.reslice(TABLE, split).await.unwrap();
        assert_eq!(status, 200, "{reply}");
        let id = self.storage.table(TABLE).unwrap().id();
        self.manager
            .import(TABLE, |collector| {
                for at_ms in (START_MS - HISTORY_DAYS * DAY_MS..START_MS).step_by(BIN_MS as usize) {
                    let vectors = (0..CELLS).map(|cell| vector(id, cell, at_ms, BIN_MS));
                    vectors.for_each(|vector| collector.ingest(&vector));
                }
                collector.advance(START_MS);
            })
            .await
            .unwrap();
        id
    }

    /// Lives through the minutes, and ends when the last one has been looked at.
    async fn live(&self, table: TableId) {
        let client = self.clients.register("somebody, somewhere");
        for minute in 0..LIVE_MINUTES {
            let now_ms = START_MS + minute * MINUTE_MS + LOOK_MS;
            self.clock.set_ms(now_ms);
            self.until_looked_at(now_ms).await;
            for cell in 0..CELLS {
                let vector = vector(table, cell, now_ms + 30_000, MINUTE_MS);
                self.recorder.record(&Vector { client, ..vector });
            }
        }
        let end_ms = START_MS + LIVE_MINUTES * MINUTE_MS + LOOK_MS;
        self.clock.set_ms(end_ms);
        self.until_looked_at(end_ms).await;
    }

    async fn until_looked_at(&self, now_ms: i64) {
        for _ in 0..TRIES_MAX {
            let seen_ms = self.manager.forecast_document(TABLE).unwrap().now_ms;
            if seen_ms == now_ms && self.manager.workflows_document(false).workflows.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the manager never looked at {now_ms}");
    }

    /// What the manager decided by itself.
    fn decisions(&self) -> Vec<Decision> {
        let about = DecisionsRequest { table: Some(TABLE), ..DecisionsRequest::default() };
        let document = self.manager.decisions_document(&about);
        let all =
            document.decisions.into_iter().filter_map(|decision| Some(decision.entry?.decision));
        all.filter(|decision| decision.action.trigger != Trigger::Manual).collect()
    }

    /// `foreshard workload export`, which must succeed.
    async fn export(&self, arguments: &[&str]) -> Value {
        let admin = format!("http://{}", self.admin.addr());
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
        command.args(["workload", "export", TABLE, "--json", "--admin", &admin]).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn stop(self) {
        self.admin.shutdown().await;
        self.manager.stop().await.unwrap();
        self.server.shutdown().await;
        self.storage.close().await.unwrap();
    }
}

/// Units per second on a cell: day and night, steady for five minutes at a time.
fn rate(cell: u64, at_ms: i64) -> f64 {
    let hour = (at_ms.div_euclid(BIN_MS) * BIN_MS).rem_euclid(DAY_MS) as f64 / 3_600_000.0;
    let day = 1.0 + 0.6 * ((hour - 14.0) / 24.0 * TAU).cos();
    let weight = 0.75 + 0.5 * ((cell * 37 % CELLS) as f64 / CELLS as f64);
    2_600.0 / CELLS as f64 * weight * day
}

/// What is asked of a cell's key in `length_ms`, as one request.
fn vector(table: TableId, cell: u64, at_ms: i64, length_ms: i64) -> Vector {
    let hash = (cell * (u64::MAX / CELLS + 1)) | 0x77;
    let mut key = hash.to_be_bytes().to_vec();
    key.extend_from_slice(b"key");
    Vector {
        table,
        partition: PartitionId(0),
        request: RequestType::Store,
        key_hash: hash,
        storage_key: StorageKeyPrefix::new(&key),
        range_key: RangeKeyPrefix::EMPTY,
        timestamp_ms: at_ms,
        client: client_hash("somebody"),
        data_bytes: 100,
        read_units: 0.0,
        write_units: (rate(cell, at_ms) * length_ms as f64 / 1_000.0) as f32,
        outcome: Outcome::Served,
        demand: true,
    }
}

/// What a decision does, by the keys it is about.
#[derive(Debug, PartialEq)]
struct Deed {
    range: KeyRange,
    sources: usize,
    boundaries: Vec<bytes::Bytes>,
    trigger: Trigger,
}

impl Deed {
    fn of(decision: &Decision) -> Self {
        let action = &decision.action;
        Self {
            range: action.range.clone(),
            sources: action.sources.len(),
            boundaries: action.boundaries.clone(),
            trigger: action.trigger,
        }
    }
}

/// The decisions of a replay, with the keys that the recorded cells had.
fn replayed(file: &Path) -> Vec<(i64, Deed)> {
    let span = Span { days_max: 2, history_ms: Some(HISTORY_DAYS * DAY_MS) };
    let recorded = Recording::Matrix(file.into()).read(1, span).unwrap();
    let keys = recorded.cell_keys.clone();
    let key = |key: &bytes::Bytes| match key.first() {
        Some(&cell) => keys[usize::from(cell)].clone(),
        None => bytes::Bytes::new(),
    };
    let case = Case::recorded("replay".into(), 1, recorded, span).unwrap();
    assert_eq!((case.start_ms, case.capacity), (START_MS, CAPACITY));
    assert_eq!(case.initial().len(), 4, "the partitions that there were");
    let settings = PlaySettings { controller: controller(), ..PlaySettings::default() };
    let bank = Bank::new(&case.matrix, case.start_ms, &settings.controller).unwrap();
    let curve = Curve::default();
    let played = policies::run(PolicyName::Predictive, &case, &settings, &bank, &curve).unwrap();
    let deed = |decision: &Decision| {
        let Deed { range, sources, boundaries, trigger } = Deed::of(decision);
        let range = KeyRange { start: key(&range.start), end: range.end.as_ref().map(key) };
        let boundaries = boundaries.iter().map(key).collect();
        (decision.at_ms, Deed { range, sources, boundaries, trigger })
    };
    played.run.decisions.iter().map(|(decision, _)| deed(decision)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_run_is_decided_alike_when_it_is_played_again() {
    let live = Live::start().await;
    let table = live.table_with_a_past().await;
    live.live(table).await;
    let decided = live.decisions();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let text = |name: &str| path(name).to_str().unwrap().to_owned();

    let written = live.export(&["--matrix", &text("m.csv.gz")]).await;
    assert!(written["written"][0]["lines"].as_u64().unwrap() > 100_000, "{written}");
    let again = replayed(&path("m.csv.gz"));
    let there: Vec<Deed> = decided.iter().map(Deed::of).collect();
    let here: Vec<&Deed> = again.iter().map(|(_, deed)| deed).collect();
    assert!(there.len() >= 4, "the day had no splits and merges: {there:#?}");
    assert_eq!(here, there.iter().collect::<Vec<_>>());
    for (live, (replayed_ms, deed)) in decided.iter().zip(&again) {
        let apart_ms = (live.at_ms - replayed_ms).abs();
        assert!(apart_ms <= TOLERANCE_MS, "{apart_ms} ms apart: {deed:?}");
    }

    // Hidden, the keys are gone and the decisions are the same, by their cells.
    live.export(&["--matrix", &text("h.csv"), "--trace", &text("t.csv"), "--hash-keys"]).await;
    let hidden = replayed(&path("h.csv"));
    let times = |deeds: &[(i64, Deed)]| deeds.iter().map(|(at_ms, _)| *at_ms).collect::<Vec<_>>();
    assert_eq!(times(&hidden), times(&again));
    let trace: Vec<_> =
        TraceReader::open(&path("t.csv")).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(trace.len() > 100 && trace.is_sorted_by_key(|event| event.timestamp_ms));
    for event in &trace {
        assert!(!event.key.contains("6b6579") && !event.client.contains("somebody"), "{event:?}");
    }
    live.export(&["--trace", &text("s.csv.gz"), "--window", "1h"]).await;
    let trace = TraceReader::open(&path("s.csv.gz")).unwrap().map(Result::unwrap).last().unwrap();
    assert!(trace.key.starts_with("0x") && trace.key.ends_with("6b6579"), "{trace:?}");
    assert_eq!(trace.client, "somebody, somewhere");
    live.stop().await;
}

/// A manager that is started anew finds that a day is over, learns from it in the background, and writes
/// down what it would change; in the shadow nothing is.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_over_is_learnt_from_in_the_shadow() {
    let live = Live::start().await;
    live.table_with_a_past().await;
    live.manager.stop().await.unwrap();
    let parts = (live.storage.clone(), live.recorder.clone(), live.clients.clone());
    let tuning = manager::TuningSettings { days: 3, cpu_share_max: 1.0, ..Default::default() };
    let settings = ManagerSettings {
        training: TrainingSettings { enabled: false, ..TrainingSettings::default() },
        tuning,
        ..ManagerSettings::default()
    };
    let clock: Arc<dyn Clock> = live.clock.clone();
    let manager =
        Manager::start(settings, components(parts.0, parts.1, parts.2, clock)).await.unwrap();
    let mut tries = 0;
    let document = loop {
        let document = manager.tuning_document(TABLE).unwrap();
        if !document.records.is_empty() {
            break document;
        }
        tries += 1;
        assert!(tries < TRIES_MAX, "nothing was learnt");
        tokio::task::yield_now().await;
    };
    let record = serde_json::to_value(&document.records[0]).unwrap();
    assert_eq!(record["kind"], "proposed", "{record}");
    assert_eq!(record["day"], START_MS / DAY_MS - 1);
    let evidence = &record["proposal"];
    assert!(evidence["days_played"].as_u64().is_some_and(|days| days >= 3), "{record}");
    assert!(evidence["context"]["seasonality"].as_f64().is_some_and(|s| s > 0.9), "{record}");
    assert_eq!(document.in_force, document.own, "in the shadow nothing changes");
    manager.stop().await.unwrap();
    live.stop().await;
}
