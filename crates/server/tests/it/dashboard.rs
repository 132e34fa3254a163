//! The dashboard in headless Chromium, before a live service under load whose planner looks ahead.
//!
//! A week of history has a hot spot on the key axis every morning. The clock runs about fifty times as
//! fast as real time and stands at ten to nine when the browser comes; the planner is paused, so that
//! the page can show what it plans, until the browser resumes it. What is looked at is in
//! ui/tests/browser.mjs. Skipped, with a word, without Node.js, Chromium or a built dashboard, unless
//! `FORESHARD_NEED_CLIENTS=1` says that they must be there.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use manager::PolicyFactory;
use planner::policy::Predictive;
use planner::settings::PlannerSettings;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::MissedTickBehavior;
use types::{Clock, KeyValue, ManualClock, Units, storage_key};
use workload::{Outcome, RangeKeyPrefix, RequestType, StorageKeyPrefix, Vector};

use crate::admin::{Administered, eventually};
use crate::clients::skip;
use crate::http_client::RawClient;
use crate::support::{START_MS, TestServer};

const MINUTE_MS: i64 = 60_000;
const BIN_MS: i64 = 5 * MINUTE_MS;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// How long the history is before the day on which the browser comes.
const PAST_DAYS: i64 = 8;
/// When it comes: ten to nine.
const COMES_MS: i64 = START_MS + (8 * 60 + 50) * MINUTE_MS;
/// Keys that are asked for, by their place on the axis.
const KEYS: usize = 256;
/// Places on the axis that history is written for.
const PLACES: usize = 128;
/// One step of the clock, and how long it takes at least.
const STEP_MS: i64 = 1_000;
const STEP_REAL_MS: u64 = 20;
const CAPACITY: Units = Units { read: 4.0, write: 2.0 };

/// The write units per second that are asked for at a time, on the whole and at a place of the axis
/// (as a density: its mean over all places is the whole).
struct Demand;

impl Demand {
    fn bump(x: f64, middle: f64, width: f64) -> f64 {
        (-((x - middle) / width).powi(2)).exp()
    }

    /// Each part's rate at this hour, its place on the axis, and how wide it is there.
    fn parts(at_ms: i64) -> [(f64, f64, f64); 3] {
        let hour = at_ms.rem_euclid(DAY_MS) as f64 / (60.0 * MINUTE_MS as f64);
        let day = (std::f64::consts::PI * (hour - 6.0) / 13.0).sin().max(0.0);
        [
            (0.15 + 1.1 * day, 0.5, 10.0),
            (2.6 * Self::bump(hour, 9.75, 0.6), 0.30, 0.05),
            (1.7 * Self::bump(hour, 14.5, 1.0), 0.71, 0.07),
        ]
    }

    fn density(at_ms: i64, place: f64) -> f64 {
        let part = |(rate, middle, width): (f64, f64, f64)| {
            let mean: f64 = (0..PLACES)
                .map(|i| Self::bump((i as f64 + 0.5) / PLACES as f64, middle, width))
                .sum::<f64>()
                / PLACES as f64;
            rate * Self::bump(place, middle, width) / mean
        };
        Self::parts(at_ms).into_iter().map(part).sum()
    }
}

/// A key with its place on the axis.
#[derive(Clone)]
struct Key {
    name: String,
    place: f64,
}

/// Keys that lie evenly on the axis, more or less.
fn keys() -> Vec<Key> {
    let mut all: Vec<Key> = (0..16 * KEYS)
        .map(|number| {
            let name = format!("customer-{number}");
            let hash = storage_key::partition_hash(&KeyValue::S(name.clone()));
            Key { name, place: hash as f64 / 2_f64.powi(64) }
        })
        .collect();
    all.sort_by(|a, b| a.place.total_cmp(&b.place));
    let nearest = |wanted: f64| all.iter().find(|key| key.place >= wanted).unwrap_or(&all[0]);
    (0..KEYS).map(|i| nearest((i as f64 + 0.5) / KEYS as f64).clone()).collect()
}

/// A week and a morning of history.
async fn import(admin: &Administered) {
    let table = admin.server.storage().table("orders").unwrap();
    let map = table.partition_map();
    let import = |collector: &mut workload::Collector| {
        let mut at_ms = COMES_MS - PAST_DAYS * DAY_MS;
        let mut jitter = 0x9e37_79b9_u32;
        while at_ms < COMES_MS {
            for number in 0..PLACES {
                jitter ^= jitter << 13;
                jitter ^= jitter >> 17;
                jitter ^= jitter << 5;
                let noise = 0.85 + 0.3 * f64::from(jitter) / f64::from(u32::MAX);
                let place = (number as f64 + 0.5) / PLACES as f64;
                let rate = Demand::density(at_ms, place) / PLACES as f64;
                let hash = (place * 2_f64.powi(64)) as u64;
                let write_units = (rate * noise * BIN_MS as f64 / 1000.0) as f32;
                collector.ingest(&Vector {
                    table: table.id(),
                    partition: map.partition_of(&hash.to_be_bytes()).id,
                    key_hash: hash,
                    storage_key: StorageKeyPrefix::new(&hash.to_be_bytes()),
                    range_key: RangeKeyPrefix::EMPTY,
                    timestamp_ms: at_ms,
                    client: 1,
                    data_bytes: 200,
                    read_units: 0.0,
                    write_units,
                    request: RequestType::Store,
                    outcome: Outcome::Served,
                    demand: true,
                });
            }
            at_ms += BIN_MS;
        }
        collector.advance(COMES_MS);
    };
    admin.manager.import("orders", import).await.unwrap();
}

/// Asks for what the demand says, as fast as the clock goes, until it is told to stop.
async fn load(raw: RawClient, clock: Arc<ManualClock>, keys: Vec<Key>, stop: Arc<AtomicBool>) {
    // This is the clock that runs fast; a step that takes longer holds it up.
    let mut step = tokio::time::interval(Duration::from_millis(STEP_REAL_MS));
    step.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Each key begins somewhere in its own cycle, or all would ask at once.
    let mut owed: Vec<f64> = (0..keys.len()).map(|i| (i as f64 * 0.618) % 1.0).collect();
    while !stop.load(Ordering::Relaxed) {
        step.tick().await;
        clock.advance_ms(STEP_MS);
        let now_ms = clock.now_ms();
        let mut puts = Vec::new();
        for (key, owed) in keys.iter().zip(&mut owed) {
            let rate = Demand::density(now_ms, key.place) / keys.len() as f64;
            *owed += rate * STEP_MS as f64 / 1000.0;
            while *owed >= 1.0 {
                *owed -= 1.0;
                let item = json!({ "pk": { "S": key.name }, "at": { "N": now_ms.to_string() } });
                let put = json!({ "TableName": "orders", "Item": item });
                let raw = raw.clone();
                puts.push(async move { raw.must("PutItem", put).await });
            }
        }
        join_all(puts).await;
    }
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// What is missing to run a browser, if anything is.
async fn missing(admin: &Administered) -> Option<&'static str> {
    let runs = async |program: &str| Command::new(program).arg("--version").output().await.is_ok();
    if !runs("node").await || !workspace("ui/node_modules/playwright-core").exists() {
        return Some("no node or no playwright-core: `make ui` fetches it if npm is there");
    }
    if !Path::new("/usr/bin/chromium").exists() {
        return Some("no chromium (apt-get install chromium)");
    }
    let built = admin.raw.get("/app.js").await.status == http::StatusCode::OK;
    (!built).then_some("the dashboard is not in this binary: run `make ui` and build again")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_browser_sees_what_is_coming_and_what_is_done_about_it() {
    let server = TestServer::start_with(|settings| settings.tables.partitions_initial = 2).await;
    let policy: PolicyFactory = Arc::new(|| Box::new(Predictive::new(PlannerSettings::default())));
    let admin = Administered::start_under(server, policy, CAPACITY, |_| ()).await;
    if let Some(missing) = missing(&admin).await {
        admin.stop().await;
        return skip(missing);
    }
    admin.manager.pause(true);
    admin.server.table("orders", false).await;
    admin.server.clock.advance_ms(COMES_MS - START_MS);
    import(&admin).await;
    let keys = keys();
    let stop = Arc::new(AtomicBool::new(false));
    let (raw, clock) = (admin.server.raw.clone(), Arc::clone(&admin.server.clock));
    let loading = tokio::spawn(load(raw, clock, keys, Arc::clone(&stop)));
    let planned = async || {
        let plan = admin.document("tables/orders/plan").await;
        (!plan["actions"].as_array()?.is_empty()).then_some(())
    };
    eventually(planned).await;

    look(&admin).await;

    stop.store(true, Ordering::Relaxed);
    loading.await.unwrap();
    admin.stop().await;
}

/// Runs the browser; stops and starts the listener when it asks for it.
async fn look(admin: &Administered) {
    let (listener, _raw) = admin.another(0).await;
    listener.set_ready(true);
    let addr = listener.addr();
    let mut listener = Some(listener);
    let mut browser = Command::new("node")
        .arg(workspace("ui/tests/browser.mjs"))
        .arg(format!("http://{addr}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut answers = browser.stdin.take().unwrap();
    let mut said = BufReader::new(browser.stdout.take().unwrap()).lines();
    let mut passed = false;
    while let Some(line) = said.next_line().await.unwrap() {
        println!("{line}");
        match line.as_str() {
            "please stop" => listener.take().unwrap().shutdown().await,
            "please start" => {
                let (again, _raw) = admin.another(addr.port()).await;
                again.set_ready(true);
                listener = Some(again);
            }
            "all as expected" => passed = true,
            _ => {}
        }
        if line.starts_with("please ") {
            answers.write_all(b"done\n").await.unwrap();
        }
    }
    let ended = browser.wait().await.unwrap();
    assert!(passed && ended.success(), "the browser ended with {ended}");
    listener.unwrap().shutdown().await;
}
