//! The admin listener in front of a real manager.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::{Method, StatusCode};
use manager::{Manager, ManagerSettings, PolicyFactory, TuningSettings};
use planner::policy::{Predictive, Static};
use serde_json::{Value, json};
use server::metrics::MetricsExport;
use server::{Admin, AdminComponents, AdminHandle, AdminSettings};
use storage::{FaultPoint, Faults, Verdict};
use types::Units;
use workload::WorkloadSettings;

use crate::http_client::{RawClient, Reply};
use crate::support::TestServer;

/// How long a condition is waited for before the test is given up: a bound on hanging, not a judgement.
const WAIT_S_MAX: u64 = 120;
/// How long between two looks: other processes need the cores, too.
const LOOK_EVERY: Duration = Duration::from_millis(2);

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// A server with a manager that acts by hand only, and the admin listener.
pub(crate) struct Administered {
    pub(crate) server: TestServer,
    pub(crate) manager: Arc<Manager>,
    admin: AdminHandle,
    pub(crate) raw: RawClient,
}

impl Administered {
    pub(crate) async fn start() -> Self {
        Self::start_on(TestServer::start().await).await
    }

    pub(crate) async fn start_on(server: TestServer) -> Self {
        Self::start_with(server, |_| ()).await
    }

    /// With settings that the test chooses.
    pub(crate) async fn start_with(
        server: TestServer,
        change: impl FnOnce(&mut AdminSettings),
    ) -> Self {
        let policy: PolicyFactory = Arc::new(|| Box::new(Static));
        Self::start_under(server, policy, Units { read: 3000.0, write: 1000.0 }, change).await
    }

    /// Under a policy of the test's, with partitions of this capacity.
    pub(crate) async fn start_under(
        server: TestServer,
        policy: PolicyFactory,
        capacity: Units,
        change: impl FnOnce(&mut AdminSettings),
    ) -> Self {
        let parts = server.components();
        let components = manager::Components {
            storage: parts.storage,
            recorder: parts.recorder,
            clients: parts.clients,
            clock: parts.clock,
            capacity,
            limits: planner::Limits::Dynamodb,
            collector: WorkloadSettings::default().collector,
            controller: planner::ControllerSettings::default(),
            policy,
            verdict_after_ms: 3_600_000,
        };
        // Where there is history, thresholds are learnt from three days of it, and without resting.
        let tuning = TuningSettings {
            days: 3,
            cpu_share_max: 1.0,
            look_interval_real_ms: 200,
            ..Default::default()
        };
        let settings = ManagerSettings { tick_ms: 20, tuning, ..Default::default() };
        let manager = Manager::start(settings, components).await.unwrap();
        let mut settings =
            AdminSettings { listen: ([127, 0, 0, 1], 0).into(), ..Default::default() };
        change(&mut settings);
        let admin = Admin::start(settings, components_of(&server, &manager)).await.unwrap();
        let raw = RawClient::new(admin.addr());
        Self { server, manager, admin, raw }
    }

    /// What its listener shows.
    pub(crate) fn components(&self) -> AdminComponents {
        components_of(&self.server, &self.manager)
    }

    /// A second listener that shows the same.
    pub(crate) async fn another(&self, port: u16) -> (AdminHandle, RawClient) {
        let listen = ([127, 0, 0, 1], port).into();
        let settings = AdminSettings { listen, ..Default::default() };
        let admin = Admin::start(settings, self.components()).await.unwrap();
        let raw = RawClient::new(admin.addr());
        (admin, raw)
    }

    /// A document of the admin API.
    pub(crate) async fn document(&self, path: &str) -> Value {
        let reply = self.raw.get(&format!("/api/v1/{path}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {:?}", reply.body);
        assert_eq!(reply.header("content-type"), "application/json");
        reply.json()
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        self.raw.send(Method::POST, path, headers, body.to_string()).await
    }

    /// Ends all but the server.
    async fn leave(self) -> TestServer {
        self.admin.shutdown().await;
        self.manager.stop().await.unwrap();
        self.server
    }

    /// Stops all; hands back the directory.
    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.admin.shutdown().await;
        self.manager.stop().await.unwrap();
        self.server.stop().await
    }
}

fn components_of(server: &TestServer, manager: &Arc<Manager>) -> AdminComponents {
    let metrics = MetricsExport::new(
        Arc::clone(server.handle.metrics()),
        Arc::clone(server.handle.recorder()),
        Some(Arc::clone(server.storage())),
    )
    .with_manager(Arc::clone(manager));
    AdminComponents {
        manager: Arc::clone(manager),
        metrics: Arc::new(metrics),
        storage: Arc::clone(server.storage()),
    }
}

/// What `look` finds, when it finds something: the manager works at its own pace.
pub(crate) async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(WAIT_S_MAX) {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("not found in {WAIT_S_MAX} s");
}

/// The one line that says why not.
pub(crate) fn refusal(reply: &Reply, status: StatusCode) -> String {
    assert_eq!(reply.status, status, "{:?}", reply.body);
    let json = reply.json();
    let error = json["error"].as_str().unwrap_or_else(|| panic!("no error in {json}"));
    assert!(!error.is_empty() && !error.contains('\n'), "{error}");
    error.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn page_health_and_metrics_are_served() {
    let admin = Administered::start().await;
    let page = admin.raw.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.body.starts_with(b"<!doctype html>"));

    assert_eq!(admin.raw.get("/healthz").await.status, StatusCode::OK);
    refusal(&admin.raw.get("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    admin.admin.set_ready(true);
    assert_eq!(admin.raw.get("/readyz").await.status, StatusCode::OK);

    admin.server.table("things", false).await;
    admin.server.raw.operation("GetItem", json!({"TableName": "nothing"})).await;
    let metrics = admin.raw.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "foreshard_requests_total{operation=\"CreateTable\"} 1",
        "foreshard_errors_total{operation=\"GetItem\",kind=\"client\"} 1",
        "foreshard_anomalies_total{subject=\"client\",kind=\"flash_crowd\"} 0",
        "foreshard_log_segments 1",
        "foreshard_log_failed 0",
        "foreshard_log_queued_bytes 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_show_tables_and_their_load() {
    let admin = Administered::start().await;
    admin.server.table("things", false).await;
    for n in 0..50 {
        let item = json!({"pk": {"S": format!("k{n}")}});
        admin.server.raw.must("PutItem", json!({"TableName": "things", "Item": item})).await;
    }
    // The manager collects as the clock goes on; complete minutes are shown.
    let collected = async || {
        admin.server.clock.advance_ms(1000);
        let window = admin.document("tables/things/workload?window=1d").await;
        (window["requests"] == 50).then_some(window)
    };
    let window = eventually(collected).await;
    assert_eq!(window["distinct_clients"], 1.0);
    assert_eq!(admin.document("tables").await["tables"][0]["name"], "things");
    let partitions = admin.document("tables/things/partitions").await;
    assert_eq!(partitions["partitions"].as_array().unwrap().len(), 1);
    assert_eq!(partitions["partitions"][0]["capacity_write_units"], 1000.0);
    let vectors = admin.document("tables/things/vectors").await;
    assert!(!vectors["vectors"].as_array().unwrap().is_empty());
    assert_eq!(vectors["vectors"][0]["client"], "AKIDRAW - 127.0.0.1");
    assert!(admin.document("tables/things/forecast").await["partitions"].is_array());
    assert!(admin.document("tables/things/plan").await["reason"].is_string());
    assert!(admin.document("tables/things/heatmap?past_minutes=60").await["cells"].is_array());
    assert_eq!(admin.document("decisions").await["decisions"], json!([]));
    assert_eq!(admin.document("workflows").await["workflows"], json!([]));
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reslice_by_hand_is_carried_out_and_mistakes_are_explained() {
    let admin = Administered::start().await;
    admin.server.table("things", false).await;
    let path = "/api/v1/tables/things/reslice";
    let partitions = admin.document("tables/things/partitions").await;
    let id = partitions["partitions"][0]["id"].clone();
    // It can be split when the manager has come to know the table.
    let known = async || {
        let forecast = admin.document("tables/things/forecast").await;
        (!forecast["partitions"].as_array()?.is_empty()).then_some(())
    };
    eventually(known).await;
    let split = json!({"action": "split", "partition": id, "into": 2});

    let done = admin.post(path, &[JSON], split.clone()).await;
    assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
    assert_eq!(done.json()["children"].as_array().unwrap().len(), 2);
    let table = admin.server.storage().table("things").unwrap();
    assert_eq!(table.partition_map().partitions.len(), 2);

    let again = admin.post(path, &[JSON], split.clone()).await;
    refusal(&again, StatusCode::BAD_REQUEST);
    let nonsense = admin.post(path, &[JSON], json!({"action": "explode"})).await;
    assert!(refusal(&nonsense, StatusCode::BAD_REQUEST).starts_with("not an action"));
    let nowhere = admin.post("/api/v1/tables/nothing/reslice", &[JSON], split.clone()).await;
    assert!(refusal(&nowhere, StatusCode::NOT_FOUND).contains("nothing"));
    let form = ("content-type", "text/plain");
    let reply = admin.post(path, &[form], split.clone()).await;
    refusal(&reply, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let reply = admin.post(path, &[JSON, ("host", "attacker.example")], split).await;
    refusal(&reply, StatusCode::FORBIDDEN);
    admin.stop().await;
}

/// A wish that the manager carries out, after a preview that changed nothing.
async fn carried_out(admin: &Administered, wish: Value) -> Value {
    let path = "/api/v1/tables/things/reslice";
    let epoch = async || admin.document("tables/things/partitions").await["epoch"].clone();
    let before = epoch().await;
    let preview = admin.post(&format!("{path}?dry_run=true"), &[JSON], wish.clone()).await;
    assert_eq!(preview.status, StatusCode::OK, "{wish}: {:?}", preview.body);
    assert_eq!(epoch().await, before, "a preview changes nothing");
    let done = admin.post(path, &[JSON], wish.clone()).await;
    assert_eq!(done.status, StatusCode::OK, "{wish}: {:?}", done.body);
    let workflow = admin.document(&format!("workflows/{}", done.json()["decision"])).await;
    for field in ["action", "kind", "sources", "reason"] {
        assert_eq!(preview.json()[field], workflow[field], "{field} of {wish}");
    }
    assert_eq!((&workflow["state"], &workflow["step"]), (&json!("done"), &json!("done")));
    let steps: Vec<&Value> =
        workflow["trail"].as_array().unwrap().iter().map(|passed| &passed["step"]).collect();
    assert_eq!(steps, ["decided", "waiting", "reslicing", "checking", "done"]);
    workflow
}

/// Puts items, so many of them under each partition key, and waits until their load has been seen.
async fn loaded(admin: &Administered, keys: &[(&str, usize)]) {
    for (key, times) in keys {
        for n in 0..*times {
            let item = json!({"pk": {"S": key}, "sk": {"N": n.to_string()}});
            admin.server.raw.must("PutItem", json!({"TableName": "things", "Item": item})).await;
        }
    }
    let writes: usize = keys.iter().map(|(_, times)| times).sum();
    eventually(async || {
        admin.server.clock.advance_ms(1000);
        let forecast = admin.document("tables/things/forecast").await;
        let partitions = forecast["partitions"].as_array()?;
        let seen: f64 = partitions.iter().filter_map(|p| p["load_recent"]["write"].as_f64()).sum();
        // Units per second over five minutes.
        (seen * 300.0 >= writes as f64 * 0.9).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_and_an_isolation_are_previewed_carried_out_and_journaled() {
    let admin = Administered::start().await;
    admin.server.table("things", true).await;
    loaded(&admin, &[("hot", 200), ("a", 20), ("b", 20), ("c", 20), ("d", 20)]).await;
    let split = json!({"action": "reslice", "sources": [1], "boundaries": ["8000000000000000"]});
    let split = carried_out(&admin, split).await;
    assert_eq!((&split["action"], &split["kind"]), (&json!("split"), &json!("vertical")));

    let shift = carried_out(&admin, json!({"action": "shift", "partitions": [2, 3]})).await;
    assert_eq!((&shift["action"], &shift["kind"]), (&json!("shift"), &json!("range_adjustment")));
    assert!(
        shift["reason"].as_str().unwrap().contains("the fuller of the two goes from"),
        "{shift}"
    );

    let key = json!({"action": "isolate", "key": {"pk": {"S": "hot"}}});
    let isolate = carried_out(&admin, key.clone()).await;
    assert_eq!(isolate["action"], "isolate");
    let key_hash = types::storage_key::partition_hash(&types::KeyValue::S("hot".into()));
    let partitions = admin.document("tables/things/partitions").await;
    let starts: Vec<&str> = partitions["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|partition| partition["start"].as_str().unwrap())
        .collect();
    assert!(starts.contains(&format!("{key_hash:016x}").as_str()), "{starts:?}");

    let path = "/api/v1/tables/things/reslice";
    for (wish, why) in [
        (key, "nothing but that key"),
        (json!({"action": "isolate", "key": {"pk": {"S": "a"}, "sk": {"N": "1"}}}), "sort key out"),
        (json!({"action": "isolate", "key": {"x": {"S": "a"}}}), "does not match the schema"),
        (json!({"action": "shift", "partitions": [2]}), "two neighbours"),
        (json!({"action": "shift", "partitions": [98, 99]}), "no partition"),
        (
            json!({"action": "reslice", "sources": [partitions["partitions"][0]["id"]],
                   "boundaries": ["0000000000000000ff"]}),
            "keeps whole",
        ),
    ] {
        let reply = admin.post(path, &[JSON], wish.clone()).await;
        let said = refusal(&reply, StatusCode::BAD_REQUEST);
        assert!(said.contains(why), "{wish}: {said}");
    }
    let merged: Vec<Value> = admin.document("tables/things/partitions").await["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|partition| partition["id"].clone())
        .collect();
    let merge = carried_out(&admin, json!({"action": "merge", "partitions": merged})).await;
    assert_eq!((&merge["action"], &merge["kind"]), (&json!("merge"), &json!("horizontal")));
    let listed = admin.document("workflows?ended=true").await;
    assert_eq!(listed["workflows"].as_array().unwrap().len(), 4);
    assert_eq!(admin.document("workflows").await["workflows"], json!([]));
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_wait_are_paused_and_are_cancelled() {
    let faults = Arc::new(Held::default());
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_on(directory, Arc::clone(&faults) as _, |_| ()).await;
    let admin = Administered::start_on(server).await;
    admin.server.table("things", false).await;
    let path = "/api/v1/tables/things/reslice?no_wait=true";
    let at = |cut: &str| json!({"action": "reslice", "sources": [1], "boundaries": [cut]});
    let wish = async |wish: Value| {
        let reply = admin.post(path, &[JSON], wish).await;
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
        reply.json()["workflow"].as_u64().unwrap()
    };
    let tell = async |id: u64, what: &str| {
        admin.post(&format!("/api/v1/workflows/{id}/{what}"), &[JSON], json!({})).await
    };
    let reaches = async |id: u64, step: &str| {
        eventually(async || {
            let workflow = admin.document(&format!("workflows/{id}")).await;
            (workflow["step"] == step).then_some(workflow)
        })
        .await
    };
    let path_and_wait = path.trim_end_matches("?no_wait=true");
    let first = admin.post(path_and_wait, &[JSON], at("8000000000000000")).await;
    assert_eq!(first.status, StatusCode::OK, "{:?}", first.body);
    // The next one stands still in the middle of its work.
    faults.hold();
    let halves = admin.document("tables/things/partitions").await;
    let id = |at: usize| halves["partitions"][at]["id"].clone();
    let cut = |source: Value, at: &str| json!({"action": "reslice", "sources": [source], "boundaries": [at]});
    let holding = wish(cut(id(0), "4000000000000000")).await;
    reaches(holding, "reslicing").await;
    let reply = tell(holding, "cancel").await;
    assert!(refusal(&reply, StatusCode::CONFLICT).contains("is being carried out"));
    // One workflow per key range, and one action per table.
    let rival = admin.post(path, &[JSON], cut(id(0), "2000000000000000")).await;
    refusal(&rival, StatusCode::CONFLICT);
    let waiting = wish(cut(id(1), "c000000000000000")).await;
    let seen = eventually(async || {
        let seen = admin.document(&format!("workflows/{waiting}")).await;
        seen["waits_for"].as_str().map(str::to_owned)
    })
    .await;
    assert!(seen.contains("on this table"), "{seen}");
    assert_eq!(tell(waiting, "pause").await.status, StatusCode::OK);
    reaches(waiting, "paused").await;
    assert_eq!(tell(waiting, "resume").await.status, StatusCode::OK);
    reaches(waiting, "waiting").await;
    assert_eq!(tell(waiting, "cancel").await.status, StatusCode::OK);
    let cancelled = reaches(waiting, "cancelled").await;
    assert_eq!(cancelled["state"], "cancelled");
    assert!(refusal(&tell(waiting, "cancel").await, StatusCode::CONFLICT).contains("has ended"));
    refusal(&tell(4711, "cancel").await, StatusCode::NOT_FOUND);
    refusal(&tell(holding, "explode").await, StatusCode::NOT_FOUND);
    faults.release();
    reaches(holding, "done").await;
    let table = admin.server.storage().table("things").unwrap();
    assert_eq!(table.partition_map().partitions.len(), 3, "the cancelled one changed nothing");
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_made_ready_for_the_throughput_that_is_asked_for() {
    let server = TestServer::start().await;
    let policy: PolicyFactory = Arc::new(|| Box::new(Predictive::default()));
    let capacity = Units { read: 3000.0, write: 1000.0 };
    let admin = Administered::start_under(server, policy, capacity, |_| ()).await;
    let mut table = crate::support::table("things", false);
    let warm = |write: u64| json!({"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": write});
    table["WarmThroughput"] = warm(4_000);
    admin.server.raw.must("CreateTable", table).await;
    let partitions = async || {
        let document = admin.document("tables/things/partitions").await;
        document["partitions"].as_array().unwrap().len()
    };
    assert_eq!(partitions().await, 4, "12,000 reads and 4,000 writes at 3,000 and 1,000 each");
    let put = json!({"TableName": "things", "Item": {"pk": {"S": "kept"}}});
    admin.server.raw.must("PutItem", put).await;
    let update = json!({"TableName": "things", "WarmThroughput": warm(9_500)});
    admin.server.raw.must("UpdateTable", update).await;
    eventually(async || {
        admin.server.clock.advance_ms(1000);
        (partitions().await == 10).then_some(())
    })
    .await;
    let workflows = admin.document("workflows?ended=true").await;
    let first = &workflows["workflows"][0];
    assert_eq!((&first["kind"], &first["action"]), (&json!("vertical"), &json!("split")));
    assert!(first["reason"].as_str().unwrap().contains("needs 10 partitions"), "{first}");
    let key = json!({"TableName": "things", "Key": {"pk": {"S": "kept"}}});
    assert!(admin.server.raw.must("GetItem", key).await["Item"].is_object());
    admin.stop().await;
}

/// Holds reslices up after their journal, until they are released.
#[derive(Debug, Default)]
pub(crate) struct Held {
    held: AtomicBool,
    released: tokio::sync::Notify,
}

impl Held {
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub(crate) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.released.notify_waiters();
    }
}

#[async_trait]
impl Faults for Held {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        let released = self.released.notified();
        tokio::pin!(released);
        released.as_mut().enable();
        if point == FaultPoint::ResliceJournaled && self.held.load(Ordering::SeqCst) {
            released.await;
        }
        Verdict::Proceed
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_tables_paths_and_windows_are_refused() {
    let admin = Administered::start().await;
    for path in ["partitions", "workload", "vectors", "heatmap", "forecast", "plan"] {
        let reply = admin.raw.get(&format!("/api/v1/tables/nothing/{path}")).await;
        assert!(refusal(&reply, StatusCode::NOT_FOUND).contains("nothing"), "{path}");
    }
    for path in ["/api/v1/nonsense", "/api/v2/tables", "/nonsense"] {
        refusal(&admin.raw.get(path).await, StatusCode::NOT_FOUND);
    }
    admin.server.table("things", false).await;
    let reply = admin.raw.get("/api/v1/tables/things/workload?window=3w").await;
    assert!(refusal(&reply, StatusCode::BAD_REQUEST).contains("5m, 1h or 1d"));
    admin.stop().await;
}

/// Fails the node log once it is armed.
#[derive(Debug, Default)]
struct LogFails(AtomicBool);

#[async_trait]
impl Faults for LogFails {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        match self.0.load(Ordering::SeqCst) && point == FaultPoint::LogFrameWritten {
            true => Verdict::Fail,
            false => Verdict::Proceed,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_log_has_failed_is_not_ready_and_says_why() {
    let faults = Arc::new(LogFails::default());
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_on(directory, Arc::clone(&faults) as _, |_| ()).await;
    let admin = Administered::start_on(server).await;
    admin.admin.set_ready(true);
    admin.server.table("things", false).await;
    assert_eq!(admin.raw.get("/readyz").await.status, StatusCode::OK);

    faults.0.store(true, Ordering::SeqCst);
    let put = json!({"TableName": "things", "Item": {"pk": {"S": "a"}}});
    let refused = admin.server.raw.operation("PutItem", put).await;
    assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR, "{:?}", refused.body);
    let why = refusal(&admin.raw.get("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(why.starts_with("writes are refused until a restart: "), "{why}");
    assert_eq!(admin.raw.get("/healthz").await.status, StatusCode::OK);
    let metrics = admin.raw.get("/metrics").await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(text.lines().any(|line| line == "foreshard_log_failed 1"), "{text}");
}

/// A service whose policy has thresholds.
pub(crate) async fn tunable(server: TestServer) -> Administered {
    let policy = || Box::new(planner::Predictive::default()) as Box<dyn planner::Policy>;
    let capacity = Units { read: 3000.0, write: 1000.0 };
    Administered::start_under(server, Arc::new(policy), capacity, |_| ()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tuning_is_shown_and_pinned_and_outlasts_a_restart() {
    let admin = tunable(TestServer::start().await).await;
    admin.server.table("things", false).await;
    let path = "tables/things/tuning";
    // The manager finds the table when it looks the next time.
    let shown = eventually(async || {
        let reply = admin.raw.get(&format!("/api/v1/{path}")).await;
        (reply.status == StatusCode::OK).then(|| reply.json())
    })
    .await;
    assert_eq!(shown["mode"], "shadow");
    assert_eq!(shown["in_force"], shown["own"]);
    assert_eq!(shown["records"], json!([]));

    let loopback = [("content-type", "application/json")];
    let url = format!("/api/v1/{path}");
    let out = admin.post(&url, &loopback, json!({ "lead_ms": 1 })).await;
    let why = refusal(&out, StatusCode::BAD_REQUEST);
    assert!(why.contains("lead_ms is 1"), "{why}");
    let odd = admin.post(&url, &loopback, json!({ "leed_ms": 600_000 })).await;
    refusal(&odd, StatusCode::BAD_REQUEST);
    let pinned = admin.post(&url, &loopback, json!({ "lead_ms": 600_000 })).await.json();
    assert_eq!(pinned["in_force"]["lead_ms"], 600_000);
    assert_eq!(pinned["records"][0]["kind"], "pinned");

    let admin = tunable(admin.leave().await).await;
    let again = admin.document(path).await;
    assert_eq!(again["pins"], pinned["pins"]);
    assert_eq!(again["in_force"], pinned["in_force"]);

    // What cannot be read is dropped; the operator's own settings hold.
    let id = admin.server.storage().table("things").unwrap().id();
    let name = format!("tuning/{id}");
    let damaged = bytes::Bytes::from_static(b"{\"version\":1,");
    let server = admin.leave().await;
    server.storage().blobs().put(&name, damaged).await.unwrap();
    let admin = tunable(server).await;
    assert_eq!(admin.document(path).await["in_force"], shown["own"]);
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_without_thresholds_has_no_tuning() {
    let admin = Administered::start().await;
    admin.server.table("things", false).await;
    let reply = admin.raw.get("/api/v1/tables/things/tuning").await;
    let why = refusal(&reply, StatusCode::BAD_REQUEST);
    assert!(why.contains("no thresholds"), "{why}");
    let unknown = admin.raw.get("/api/v1/tables/nothing/tuning").await;
    refusal(&unknown, StatusCode::NOT_FOUND);
    admin.stop().await;
}
